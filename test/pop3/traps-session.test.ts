import { beforeAll, describe, expect, test } from 'vitest';
import { ProtocolError } from '../../src/errors.ts';
import { Pop3Client } from '../../src/pop3/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, failureOf, loggedIn, options, outcomes, PASSWORD, session } from './scripts.ts';

let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await certificateFor();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const nothing = async () => {};
const greeted = (...capabilities: string[]) =>
  ['S: +OK', 'C: CAPA', 'S: +OK', ...capabilities.map((line) => `S: ${line}`), 'S: .'].join('\n');
const uidl = (...ids: string[]) =>
  ['C: UIDL', 'S: +OK', ...ids.map((id, index) => `S: ${index + 1} ${id}`), 'S: .'].join('\n');

describe('trap 9: several commands under way', () => {
  test('-ERR in the middle belongs to that command, and its text may look like an end', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      C: RETR 3
      S: -ERR [SYS/TEMP] +OK
      S: +OK
      S: -ERR is text
      S: .
      S: -ERR .
      ${BYE}`,
      {},
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2, 3]))),
    );
    expect(seen).toEqual([
      [1, '! the server refused RETR 1: -ERR [SYS/TEMP] +OK'],
      [2, '-ERR is text\r\n'],
      [3, '! the server refused RETR 3: -ERR .'],
    ]);
  });

  test('half of a message that was given away is not asked for again, whatever it was that failed', async () => {
    const broken = new ProtocolError('nonsense in the middle of it', { stage: 'retr' });
    const error = await dialogue(
      `${loggedIn('PIPELINING', 'UIDL')}
      ${uidl('a', 'b')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: half of
      *: end`,
      {},
      async (port) => {
        const client = await Pop3Client.connect(options(port));
        await client.uidl();
        const several = client.retrs([1, 2]);
        await several.next();
        return failureOf(several.throw(broken));
      },
    );
    expect(error).toBe(broken);
  });

  test('nothing follows QUIT, STLS or AUTH before their answer', async () => {
    await dialogue(
      `${greeted('STLS', 'PIPELINING', 'SASL PLAIN')}
      C: STLS
      S: +OK
      *: tls
      C: CAPA
      S: +OK
      S: SASL PLAIN
      S: PIPELINING
      S: .
      C~ ^AUTH PLAIN \\S+$
      S: +OK
      C: CAPA
      S: +OK
      S: PIPELINING
      S: .
      C: DELE 1
      C: DELE 2
      S: +OK
      S: +OK
      ${BYE}`,
      { certificate, chunk: 1 },
      (port) =>
        session(options(port, { security: 'starttls', tls: { ca: certificate.cert } }), (client) =>
          client.deles([1, 2]),
        ),
    );
  });
});

describe('trap 10: deletions are true after +OK to QUIT', () => {
  const marked = `${loggedIn()}\nC: DELE 1\nS: +OK\nC: QUIT`;
  test.each([
    ['a hang-up', '*: close'],
    ['a reset', '*: reset'],
    ['-ERR', 'S: -ERR some deleted messages not removed'],
    ['[SYS/TEMP]', 'S: -ERR [SYS/TEMP] later'],
    ['silence', '*: silence'],
    ['half an answer', 'S- +OK by\n*: close'],
  ])('%s to QUIT: it is not known, and nothing is tried again by itself', async (_, answer) => {
    const error = await dialogue(`${marked}\n${answer}`, {}, (port) =>
      failureOf(session(options(port, { idleTimeoutMs: 200 }), (client) => client.dele(1))),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', stage: 'quit', retryable: false });
  });

  test('RSET takes them back: QUIT is then worth no wait', async () => {
    await dialogue(`${loggedIn()}\nC: DELE 1\nS: +OK\nC: RSET\nS: +OK\nC: QUIT\n*: close`, {}, (port) =>
      session(options(port), async (client) => {
        await client.dele(1);
        await client.rset();
        expect(client.marked).toBe(false);
      }),
    );
  });
});

describe('log-ins that bite', () => {
  const token = { username: 'u', token: 't' };
  test.each([
    ['OAUTHBEARER', 'AQ=='],
    ['XOAUTH2', ''],
  ])('%s: the report of an error gets one dummy answer, and is told', async (name, dummy) => {
    const error = await dialogue(
      `${greeted(`SASL ${name}`)}
      C~ ^AUTH ${name} \\S+$
      S: + ${base64('{"status":"401"}')}
      C: ${dummy}
      S: -ERR [AUTH] no
      *: end`,
      {},
      (port) => failureOf(session(options(port, { credentials: token }), nothing)),
    );
    expect(error).toMatchObject({
      code: 'EAUTH',
      permanent: true,
      reply: { code: '-ERR', enhanced: 'AUTH' },
    });
    expect(error.message + error['hint']).toContain('401');
  });

  test.each(['S: +', 'S- + \\r\\n'])(
    'a token that does not fit in 255 octets goes after %j',
    async (prompt) => {
      const credentials = { username: 'u', token: 't'.repeat(5_000) };
      const blob = base64(`user=u\x01auth=Bearer ${credentials.token}\x01\x01`);
      await dialogue(
        `${greeted('SASL XOAUTH2')}
      C: AUTH XOAUTH2
      ${prompt}
      C: ${blob}
      S: +OK
      C: CAPA
      S: -ERR
      ${BYE}`,
        {},
        (port) => session(options(port, { credentials }), nothing),
      );
    },
  );

  test('a server that hangs up behind a refusal has refused', async () => {
    const error = await dialogue(
      `${greeted('SASL PLAIN CRAM-MD5')}
      C~ ^AUTH
      S: -ERR [AUTH] no
      *: close`,
      {},
      (port) => failureOf(session(options(port, { mechanism: 'PLAIN' }), nothing)),
    );
    expect(error).toMatchObject({ code: 'EAUTH', permanent: true });
  });

  test.each(['ann\r', 'ann\n', 'ann\0', 'ann\r\nQUIT'])('the user %j is no command', async (username) => {
    const error = await dialogue(`${greeted('USER')}\n*: end`, {}, (port) =>
      failureOf(session(options(port, { credentials: { username, password: PASSWORD } }), nothing)),
    );
    expect(error).toMatchObject({ code: 'EUSAGE' });
  });

  test('STLS that is answered with more than its +OK: nothing secret has left', async () => {
    const error = await dialogue(
      `${greeted('STLS', 'SASL PLAIN')}\nC: STLS\nS: +OK\nS: +OK logged in\n*: end`,
      { certificate },
      (port) =>
        failureOf(session(options(port, { security: 'starttls', tls: { ca: certificate.cert } }), nothing)),
    );
    expect(error.message).toContain('plain text before the TLS handshake');
  });
});
