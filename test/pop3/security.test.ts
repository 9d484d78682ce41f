import { createHash, createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { AuthenticationError, RejectedError, TlsError } from '../../src/errors.ts';
import { Transcript, type TranscriptEntry } from '../../src/net/transcript.ts';
import type { Pop3Options } from '../../src/pop3/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, CREDENTIALS, failureOf, options, PASSWORD, session } from './scripts.ts';

let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await certificateFor();
});

const overTls = (port: number, more: Partial<Pop3Options> = {}) =>
  options(port, { security: 'starttls', tls: { ca: certificate.cert }, allowCleartextAuth: false, ...more });
const nothing = async () => {};
const base64 = (text: string) => Buffer.from(text).toString('base64');
const PLAIN = base64(`\0ann\0${PASSWORD}`);

const capa = (...lines: string[]) => `
  C: CAPA
  S: +OK
  ${lines.map((line) => `S: ${line}`).join('\n')}
  S: .
`;
const greeted = (...lines: string[]) => `S: +OK ready <1896.697170952@dbc.example>\n${capa(...lines)}`;

describe('STLS', () => {
  test.each([undefined, 1, 2])(
    'capabilities are asked again and the old ones forgotten (chunks of %s)',
    async (chunk) => {
      const client = await dialogue(
        `${greeted('STLS', 'SASL PLAIN', 'UIDL')}
      C: STLS
      S: +OK begin
      *: tls
      ${capa('TOP')}
      C: USER ann
      S: +OK
      C: PASS ${PASSWORD}
      S: +OK
      ${capa('UIDL')}
      ${BYE}`,
        { certificate, ...(chunk === undefined ? {} : { chunk }) },
        (port) => session(overTls(port), async (client) => client),
      );
      expect([...client.capabilities.keys()]).toEqual(['UIDL']);
      expect([...(client.plainCapabilities ?? new Map()).keys()]).toEqual(['STLS', 'SASL', 'UIDL']);
      expect(client.tls).toMatchObject({ verified: true });
      expect(client.mechanism).toBe('USER');
      expect(Object.keys(client.timingsMs)).toEqual(['connect', 'tls', 'auth']);
    },
  );

  test.each([
    ['does not list it', greeted('SASL PLAIN'), /does not offer STLS/],
    ['refuses it', `${greeted('STLS')}\nC: STLS\nS: -ERR not today`, /refused STLS/],
    ['knows neither CAPA nor STLS', 'S: +OK\nC: CAPA\nS: -ERR\nC: STLS\nS: -ERR', /refused STLS/],
  ])('a server that %s gets nothing else', async (_, script, words) => {
    const error = await dialogue(`${script}\n*: end`, {}, (port) =>
      failureOf(session(overTls(port), nothing)),
    );
    expect(error).toBeInstanceOf(TlsError);
    expect(error.message).toMatch(words);
  });

  test('a server without CAPA may have it', async () => {
    await dialogue(
      `S: +OK
      C: CAPA
      S: -ERR
      C: STLS
      S: +OK
      *: tls
      C: CAPA
      S: -ERR
      C: USER ann
      S: +OK
      C~ ^PASS
      S: +OK
      C: CAPA
      S: -ERR
      ${BYE}`,
      { certificate },
      (port) => session(overTls(port), nothing),
    );
  });

  test.each(['S: +OK go\nS: +OK injected', 'S: +OK go\nS- x', 'S: +OK go\nS- \\x16'])(
    'bytes behind its +OK are an attack: %j',
    async (answer) => {
      const error = await dialogue(`${greeted('STLS')}\nC: STLS\n${answer}\n*: end`, {}, (port) =>
        failureOf(session(overTls(port), nothing)),
      );
      expect(error).toBeInstanceOf(TlsError);
      expect(error.message).toMatch(/arrived in plain text before the TLS handshake/);
    },
  );

  test('an answer that came before the question is one as well', async () => {
    const error = await dialogue(`${greeted('STLS')}\nS: +OK go\n*: silence`, {}, (port) =>
      failureOf(session(overTls(port), nothing)),
    );
    expect(error).toMatchObject({ code: 'EPROTO' });
  });

  test('a certificate that is not trusted ends it', async () => {
    const error = await dialogue(
      `${greeted('STLS')}\nC: STLS\nS: +OK\n*: tls refused`,
      { certificate },
      (port) => failureOf(session(overTls(port, { tls: {} }), nothing)),
    );
    expect(error).toMatchObject({ code: 'ECERT' });
  });

  test('a handshake that is not answered ends in time', async () => {
    const error = await dialogue(`${greeted('STLS')}\nC: STLS\nS: +OK\n*: silence`, {}, (port) =>
      failureOf(session(overTls(port, { idleTimeoutMs: 100 }), nothing)),
    );
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'tls' });
  });
});

describe('the gate', () => {
  test.each([
    ['USER', greeted('USER'), {}],
    ['PLAIN', greeted('SASL PLAIN LOGIN'), {}],
    ['LOGIN, asked for', greeted('SASL PLAIN LOGIN'), { mechanism: 'login' }],
    ['USER, where CAPA is unknown', 'S: +OK\nC: CAPA\nS: -ERR', {}],
  ])('no password leaves without TLS: %s', async (_, script, more) => {
    const error = await dialogue(`${script}\n*: end`, {}, (port) =>
      failureOf(session(options(port, { allowCleartextAuth: false, ...more }), nothing)),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toContain('without TLS');
  });

  test('CRAM-MD5 keeps it, and may go', async () => {
    const challenge = '<1896.697170952@postoffice.example>';
    const digest = createHmac('md5', PASSWORD).update(challenge).digest('hex');
    await dialogue(
      `${greeted('SASL PLAIN CRAM-MD5')}
      C: AUTH CRAM-MD5
      S: + ${base64(challenge)}
      C: ${base64(`ann ${digest}`)}
      S: +OK
      ${capa()}
      ${BYE}`,
      {},
      (port) => session(options(port, { allowCleartextAuth: false }), nothing),
    );
  });
});

describe('the log-in', () => {
  const logIn = (script: string, more: Partial<Pop3Options> = {}) =>
    dialogue(script, {}, (port) => session(options(port, more), async (client) => client.mechanism));

  test('PLAIN with its initial response (RFC 5034 4)', async () => {
    const name = await logIn(
      `${greeted('SASL PLAIN LOGIN')}\nC: AUTH PLAIN ${PLAIN}\nS: +OK\n${capa()}\n${BYE}`,
    );
    expect(name).toBe('PLAIN');
  });

  test('without it where the line would be longer than 255 octets', async () => {
    const password = 'p'.repeat(200);
    const long = base64(`\0ann\0${password}`);
    await logIn(`${greeted('SASL PLAIN')}\nC: AUTH PLAIN\nS: +\nC: ${long}\nS: +OK\n${capa()}\n${BYE}`, {
      credentials: { username: 'ann', password },
    });
  });

  test('with it as long as the line fits', async () => {
    const password = 'p'.repeat(175); // 180 octets with the name: 240 in base64
    const initial = base64(`\0ann\0${password}`);
    expect(`AUTH PLAIN ${initial}\r\n`.length).toBe(253);
    await logIn(`${greeted('SASL PLAIN')}\nC: AUTH PLAIN ${initial}\nS: +OK\n${capa()}\n${BYE}`, {
      credentials: { username: 'ann', password },
    });
  });

  test('LOGIN by name, whatever its prompts are', async () => {
    const name = await logIn(
      `${greeted('SASL PLAIN LOGIN')}
      C: AUTH LOGIN
      S: + not base64!
      C: ${base64('ann')}
      S: +
      C: ${base64(PASSWORD)}
      S: +OK
      ${capa()}
      ${BYE}`,
      { mechanism: 'LOGIN' },
    );
    expect(name).toBe('LOGIN');
  });

  test('a challenge that is nonsense is cancelled', async () => {
    const error = await dialogue(
      `${greeted('SASL CRAM-MD5')}\nC: AUTH CRAM-MD5\nS: + %%%\nC: *\nS: -ERR cancelled\n*: end`,
      {},
      (port) => failureOf(session(options(port), nothing)),
    );
    expect(error).toMatchObject({ code: 'EPROTO', stage: 'auth' });
  });

  test('success before the mechanism has spoken is none', async () => {
    const error = await dialogue(
      `${greeted('SASL CRAM-MD5')}\nC: AUTH CRAM-MD5\nS: +OK\n*: end`,
      {},
      (port) => failureOf(session(options(port), nothing)),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
  });

  test('USER and PASS where no mechanism is known here, and by name', async () => {
    const user = `C: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK\n${capa()}\n${BYE}`;
    expect(await logIn(`${greeted('SASL KERBEROS_V4')}\n${user}`)).toBe('USER');
    expect(await logIn(`${greeted('SASL PLAIN')}\n${user}`, { mechanism: 'user' })).toBe('USER');
  });

  test('APOP only by name (RFC 1939 7)', async () => {
    const digest = createHash('md5').update(`<1896.697170952@dbc.example>${PASSWORD}`).digest('hex');
    const name = await logIn(`${greeted()}\nC: APOP ann ${digest}\nS: +OK\n${capa()}\n${BYE}`, {
      mechanism: 'apop',
    });
    expect(name).toBe('APOP');
  });

  test('APOP without a timestamp says nothing', async () => {
    const error = await dialogue(`S: +OK hello\n${capa()}\n*: end`, {}, (port) =>
      failureOf(session(options(port, { mechanism: 'APOP' }), nothing)),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toContain('no timestamp');
  });

  test('the vector of RFC 1939 7', async () => {
    await dialogue(
      `S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>
      ${capa()}
      C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
      S: +OK maildrop has 1 message (369 octets)
      ${capa()}
      ${BYE}`,
      {},
      (port) =>
        session(
          options(port, { mechanism: 'APOP', credentials: { username: 'mrose', password: 'tanstaaf' } }),
          nothing,
        ),
    );
  });

  test('none, where that is asked for', async () => {
    expect(await logIn(`${greeted('SASL PLAIN')}\n${BYE}`, { mechanism: 'none' })).toBeUndefined();
    expect(await logIn(`${greeted('SASL PLAIN')}\n${BYE}`, { credentials: undefined })).toBeUndefined();
  });

  test.each(['S: +OK', 'S: -ERR not now'])(
    'UTF8 comes before it where it is announced: %s',
    async (answer) => {
      const script = `${greeted('UTF8 USER')}\nC: UTF8\n${answer}\nC: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: +OK`;
      const capa = 'C: CAPA\nS: +OK\nS: UTF8 USER\nS: .';
      await dialogue(`${script}\n${capa}\n${BYE}`, {}, (port) => session(options(port), nothing));
    },
  );

  test.each([
    ['S: -ERR [AUTH] wrong', 'EAUTH', false],
    ['S: -ERR wrong', 'EAUTH', false],
    ['S: -ERR [SYS/PERM] ask the operator', 'EREJECTED', false],
    ['S: -ERR [IN-USE] locked', 'ETEMP', true],
    ['S: -ERR [LOGIN-DELAY] too soon', 'ETEMP', true],
    ['S: -ERR [SYS/TEMP] later', 'ETEMP', true],
  ])('one attempt only: %s', async (answer, code, retryable) => {
    for (const script of [
      `${greeted('SASL PLAIN LOGIN')}\nC: AUTH PLAIN ${PLAIN}\n${answer}\n*: end`,
      `${greeted('USER')}\nC: USER ann\nS: +OK\nC: PASS ${PASSWORD}\n${answer}\n*: end`,
      `${greeted('USER')}\nC: USER ann\n${answer}\n*: end`,
    ]) {
      const error = await dialogue(script, {}, (port) => failureOf(session(options(port), nothing)));
      expect(error).toBeInstanceOf(RejectedError);
      expect(error).toMatchObject({ code, retryable, stage: 'auth' });
    }
  });

  test('a user or password that is two commands is none', async () => {
    for (const credentials of [
      { username: 'ann\r\nDELE 1', password: 'x' },
      { username: 'ann', password: 'x\r\nDELE 1' },
      { username: 'ann', password: 'x\0' },
    ]) {
      const script =
        credentials.username === 'ann' ? `${greeted()}\nC: USER ann\nS: +OK\n*: end` : `${greeted()}\n*: end`;
      const error = await dialogue(script, {}, (port) =>
        failureOf(session(options(port, { credentials }), nothing)),
      );
      expect(error).toMatchObject({ code: 'EUSAGE' });
      expect(JSON.stringify(error) + error.stack).not.toContain('DELE 1');
    }
  });
});

describe('the greeting', () => {
  test.each([
    ['-ERR too many connections', 'ETEMP', true],
    ['-ERR [SYS/PERM] go away', 'EREJECTED', false],
    ['220 mx.example.org ESMTP', 'EPROTO', true],
  ])('%s', async (greeting, code, retryable) => {
    const error = await dialogue(`S: ${greeting}\n*: end`, {}, (port) =>
      failureOf(session(options(port), nothing)),
    );
    expect(error).toMatchObject({ code, retryable });
  });
});

test('no transcript and no error holds a secret, even where the server repeats it', async () => {
  const digest = createHash('md5').update(`<1896.697170952@dbc.example>${PASSWORD}`).digest('hex');
  const scripts = [
    [`C: AUTH PLAIN ${PLAIN}\nS: -ERR what is ${PLAIN} or ${PASSWORD}?`, undefined],
    [
      `C: AUTH LOGIN\nS: +\nC: ${base64('ann')}\nS: +\nC: ${base64(PASSWORD)}\nS: -ERR ${base64(PASSWORD)}?`,
      'LOGIN',
    ],
    [`C: USER ann\nS: +OK\nC: PASS ${PASSWORD}\nS: -ERR PASS ${PASSWORD}?`, 'USER'],
    [`C: APOP ann ${digest}\nS: -ERR`, 'APOP'],
  ] as const;
  for (const [script, mechanism] of scripts) {
    const entries: TranscriptEntry[] = [];
    const transcript = new Transcript((entry) => entries.push(entry));
    const error = await dialogue(`${greeted('SASL PLAIN LOGIN')}\n${script}\n*: end`, {}, (port) =>
      failureOf(session(options(port, { transcript, mechanism, credentials: CREDENTIALS }), nothing)),
    );
    const text = entries.map((entry) => entry.text).join('\n');
    expect(text).toContain('[redacted');
    for (const secret of [PASSWORD, base64(PASSWORD), PLAIN, digest]) {
      expect(text).not.toContain(secret);
      expect(JSON.stringify(error) + error.message).not.toContain(secret);
    }
  }
});
