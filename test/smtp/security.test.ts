import { beforeAll, describe, expect, test } from 'vitest';
import { AuthenticationError, TlsError } from '../../src/errors.ts';
import { Transcript, type TranscriptEntry } from '../../src/net/transcript.ts';
import { SmtpClient, type SmtpOptions } from '../../src/smtp/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';

let certificate: TestCertificate;
let other: TestCertificate;
beforeAll(async () => {
  [certificate, other] = await Promise.all([certificateFor(), certificateFor('elsewhere.example')]);
});

const password = 'Zugang+ß/42';
const credentials = { username: 'u@example.org', password };
const base64 = (text: string) => Buffer.from(text).toString('base64');

function options(port: number, more: Partial<SmtpOptions> = {}): SmtpOptions {
  return {
    host: '127.0.0.1',
    port,
    security: 'starttls',
    ehlo: 'me',
    idleTimeoutMs: 2000,
    tls: { ca: certificate.cert },
    ...more,
  };
}

async function connectAndQuit(chosen: SmtpOptions): Promise<SmtpClient> {
  const client = await SmtpClient.connect(chosen);
  await client.quit();
  return client;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );
}

const upToTls = `
  S: 220 mx
  C: EHLO me
  S: 250-mx
  S: 250-STARTTLS
  S: 250 AUTH PLAIN LOGIN`;
const tls = `${upToTls}
  C: STARTTLS
  S: 220 go
  *: tls
  C: EHLO me
`;

describe('STARTTLS', () => {
  test('capabilities are asked again and the old ones forgotten', async () => {
    const client = await dialogue(
      `${tls}
      S: 250-mx
      S: 250 SIZE 99
      C: QUIT
      S: 221 bye`,
      { certificate },
      (port) => connectAndQuit(options(port)),
    );
    expect([...client.capabilities]).toEqual([['SIZE', '99']]);
    expect([...(client.plainCapabilities ?? new Map()).keys()]).toEqual(['STARTTLS', 'AUTH']);
    expect(client.tls).toMatchObject({ version: 'TLSv1.3', verified: true });
  });

  test('AUTH that was offered only before TLS is not believed', async () => {
    const error = await dialogue(`${tls}\nS: 250 mx\n*: end`, { certificate }, (port) =>
      failureOf(connectAndQuit(options(port, { credentials }))),
    );
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ message: 'the server offers no log-in' });
  });

  test('a server without it gets nothing', async () => {
    const error = await dialogue('S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 AUTH PLAIN\n*: end', {}, (port) =>
      failureOf(connectAndQuit(options(port, { credentials }))),
    );
    expect(error).toBeInstanceOf(TlsError);
    expect(error).toMatchObject({ hint: expect.stringContaining('--smtp-tls none') });
  });

  test.each(['454 4.7.0 not now', '501 no'])('is refused by %s', async (reply) => {
    const error = await dialogue(`${upToTls}\nC: STARTTLS\nS: ${reply}\n*: end`, {}, (port) =>
      failureOf(connectAndQuit(options(port, { credentials }))),
    );
    expect(error).toBeInstanceOf(Error);
  });

  test.each([
    ['a reply in the same packet', 'S: 220 go\nS: 250-injected\nS: 250 AUTH PLAIN'],
    ['half a line in the same packet', 'S- 220 go\\r\\n2'],
  ])('injection: %s is fatal, nothing of it is used', async (_, injected) => {
    const error = await dialogue(`${upToTls}\nC: STARTTLS\n${injected}\n*: end`, {}, (port) =>
      failureOf(connectAndQuit(options(port, { credentials }))),
    );
    expect(error).toBeInstanceOf(TlsError);
    expect(String(error)).toMatch(/bytes arrived in plain text before the TLS handshake/);
  });

  test('injection in a later packet breaks the handshake', async () => {
    const error = await dialogue(
      `${upToTls}\nC: STARTTLS\nS: 220 go\n*: bytes\nS: 250-injected\nS: 250 AUTH PLAIN`,
      {},
      (port) => failureOf(connectAndQuit(options(port, { credentials }))),
    );
    expect(error).toBeInstanceOf(TlsError);
  });

  test('a silent handshake ends with its deadline', async () => {
    const error = await dialogue(`${upToTls}\nC: STARTTLS\nS: 220 go\n*: silence`, {}, (port) =>
      failureOf(connectAndQuit(options(port, { idleTimeoutMs: 150 }))),
    );
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'tls' });
  });
});

describe('certificates', () => {
  const implicit = '*: tls\nS: 220 mx\nC: EHLO me\nS: 250 mx\nC: QUIT\nS: 221 bye';

  test('implicit TLS with a trusted one', async () => {
    const client = await dialogue(implicit, { certificate }, (port) =>
      connectAndQuit(options(port, { security: 'implicit' })),
    );
    expect(client.tls?.certificate).toMatchObject({ subject: 'localhost' });
  });

  test('one that nobody vouches for is refused, and said to be so', async () => {
    const error = await dialogue('*: tls refused', { certificate }, (port) =>
      failureOf(connectAndQuit(options(port, { security: 'implicit', tls: {} }))),
    );
    expect(error).toMatchObject({
      code: 'ECERT',
      message: expect.stringMatching(
        /is self-signed \(for .*localhost.*; issued by localhost; valid until \d{4}-/,
      ),
      hint: expect.stringContaining('--tls-ca'),
    });
  });

  test('one for another name is refused', async () => {
    const error = await dialogue('*: tls refused', { certificate: other }, (port) =>
      failureOf(connectAndQuit(options(port, { security: 'implicit', tls: { ca: other.cert } }))),
    );
    expect(error).toMatchObject({ code: 'ECERT', message: expect.stringContaining('elsewhere.example') });
  });

  test('a pin replaces the chain, and holds', async () => {
    const known = await dialogue(implicit, { certificate }, (port) =>
      connectAndQuit(options(port, { security: 'implicit', tls: { insecure: true } })),
    );
    const fingerprint = known.tls?.certificate?.sha256 ?? '';
    expect(known.tls?.verified).toBe(false);
    const pinned = await dialogue(implicit, { certificate }, (port) =>
      connectAndQuit(options(port, { security: 'implicit', tls: { fingerprint } })),
    );
    expect(pinned.tls?.verified).toBe(true);
    const error = await dialogue('*: tls refused', { certificate: other }, (port) =>
      failureOf(connectAndQuit(options(port, { security: 'implicit', tls: { fingerprint } }))),
    );
    expect(error).toMatchObject({ code: 'ECERT', message: expect.stringContaining('not the pinned one') });
  });

  test('TLS spoken to a plain-text port is explained', async () => {
    const error = await dialogue('S: 220 mx\n*: silence', {}, (port) =>
      failureOf(connectAndQuit(options(port, { security: 'implicit' }))),
    );
    expect(error).toMatchObject({ code: 'ETLS', hint: expect.stringContaining('plain text first') });
  });
});

describe('AUTH', () => {
  const plainAuth = (offered: string) => `
    S: 220 mx
    C: EHLO me
    S: 250-mx
    S: 250 AUTH ${offered}
  `;
  const loopback = (port: number, more: Partial<SmtpOptions> = {}) =>
    options(port, { security: 'none', credentials, allowCleartextAuth: true, ...more });

  test('PLAIN says all at once', async () => {
    const client = await dialogue(
      `${plainAuth('PLAIN LOGIN')}
      C: AUTH PLAIN ${base64(`\0u@example.org\0${password}`)}
      S: 235 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) => connectAndQuit(loopback(port)),
    );
    expect(client.mechanism).toBe('PLAIN');
  });

  test('LOGIN waits to be asked, whatever it is asked', async () => {
    await dialogue(
      `${plainAuth('LOGIN')}
      C: AUTH LOGIN
      S: 334 not base64!
      C: ${base64('u@example.org')}
      S: 334
      C: ${base64(password)}
      S: 235 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) => connectAndQuit(loopback(port)),
    );
  });

  test('CRAM-MD5 with the example of RFC 2195, and before cleartext ones where there is no TLS', async () => {
    await dialogue(
      `${plainAuth('PLAIN CRAM-MD5')}
      C: AUTH CRAM-MD5
      S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
      C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
      S: 235 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) =>
        connectAndQuit(loopback(port, { credentials: { username: 'tim', password: 'tanstaaftanstaaf' } })),
    );
  });

  test('a challenge that is not base64 is answered with *', async () => {
    const error = await dialogue(
      `${plainAuth('CRAM-MD5')}
      C: AUTH CRAM-MD5
      S: 334 ???
      C: *
      S: 501 cancelled
      *: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port))),
    );
    expect(error).toMatchObject({ code: 'EPROTO' });
  });

  test('without TLS no password leaves unless that is allowed', async () => {
    const error = await dialogue(`${plainAuth('PLAIN LOGIN')}\n*: end`, {}, (port) =>
      failureOf(connectAndQuit(loopback(port, { allowCleartextAuth: false }))),
    );
    expect(error).toMatchObject({ code: 'EAUTH', hint: expect.stringContaining('--allow-cleartext-auth') });
  });

  test('a refused password is not tried by another mechanism', async () => {
    const error = await dialogue(
      `${plainAuth('PLAIN LOGIN')}
      C~ ^AUTH PLAIN
      S: 535 5.7.8 wrong
      *: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port))),
    );
    expect(error).toMatchObject({ code: 'EAUTH', permanent: true, retryable: false, reply: { code: 535 } });
  });

  test.each(['504', '534'])('a mechanism refused by %s leads to the next', async (code) => {
    const client = await dialogue(
      `${plainAuth('PLAIN LOGIN')}
      C~ ^AUTH PLAIN
      S: ${code} not this one
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C! 1
      S: 334 UGFzc3dvcmQ6
      C! 1
      S: 235 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) => connectAndQuit(loopback(port)),
    );
    expect(client.mechanism).toBe('LOGIN');
  });

  test('a name of other scripts is looked for in the certificate as DNS spells it', async () => {
    const idn = await certificateFor('xn--bcher-kva.example');
    const client = await dialogue(
      `S: 220 mx
      C: EHLO me
      S: 250-mx
      S: 250 STARTTLS
      C: STARTTLS
      S: 220 go
      *: tls
      C: EHLO me
      S: 250 mx
      C: QUIT
      S: 221 bye`,
      { certificate: idn },
      (port) => connectAndQuit(options(port, { tls: { ca: idn.cert, servername: 'bücher.example' } })),
    );
    expect(client.tls?.verified).toBe(true);
  });

  test('behind a -PLUS that was refused the next says that it could have been bound', async () => {
    const yes = `${base64('y,,n=')}`.slice(0, 4);
    await dialogue(
      `S: 220 mx
      C: EHLO me
      S: 250-mx
      S: 250 STARTTLS
      C: STARTTLS
      S: 220 go
      *: tls
      C: EHLO me
      S: 250-mx
      S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256
      C~ ^AUTH SCRAM-SHA-256-PLUS
      S: 504 not this one
      C~ ^AUTH SCRAM-SHA-256 ${yes}
      S: 535 no
      *: end`,
      { certificate },
      (port) => failureOf(connectAndQuit(options(port, { credentials }))),
    );
  });

  test('a mechanism that was asked for by name and not offered: not the password is to blame', async () => {
    const error = await dialogue(
      `${plainAuth('PLAIN')}\nC: AUTH CRAM-MD5\nS: 535 5.7.8 no such mechanism\n*: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port, { mechanism: 'cram-md5' }))),
    );
    expect(error).toMatchObject({
      code: 'EAUTH',
      permanent: true,
      reply: { code: 535 },
      hint: 'the server does not offer CRAM-MD5, only PLAIN',
    });
  });

  test.each(['535 5.7.8', '421 4.7.0'])('a %s that repeats the secret ends up in no error', async (code) => {
    const sent = base64(`\0u@example.org\0${password}`);
    const error = await dialogue(
      `${plainAuth('PLAIN')}\nC! 1\nS: ${code} no such log-in: ${sent} ${password}\n*: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port))),
    );
    expect(String(error)).toContain('no such log-in: [redacted] [redacted]');
    expect(JSON.stringify(error)).not.toContain(password);
    expect(JSON.stringify(error)).not.toContain(sent);
  });

  test('454 means later', async () => {
    const error = await dialogue(`${plainAuth('PLAIN')}\nC! 1\nS: 454 4.7.0 busy\n*: end`, {}, (port) =>
      failureOf(connectAndQuit(loopback(port))),
    );
    expect(error).toMatchObject({ code: 'EAUTH', retryable: true });
  });

  test('success before all was said is no success', async () => {
    const error = await dialogue(
      `${plainAuth('LOGIN')}\nC: AUTH LOGIN\nS: 235 welcome, whoever\n*: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port))),
    );
    expect(error).toMatchObject({
      code: 'EAUTH',
      message: expect.stringContaining('before it had proved itself'),
    });
  });

  test('endless challenges end', async () => {
    const error = await dialogue(
      `${plainAuth('PLAIN')}\n${'C! 1\nS: 334 eA==\n'.repeat(10)}C! 1\nS: 334 eA==\nC: *\nS: 501 ok\n*: end`,
      {},
      (port) => failureOf(connectAndQuit(loopback(port))),
    );
    expect(error).toMatchObject({ code: 'EPROTO' });
  });

  test.each(['PLAIN', 'LOGIN', 'CRAM-MD5'])(
    'the transcript of %s holds no secret, even if the server echoes it',
    async (name) => {
      const entries: TranscriptEntry[] = [];
      const blob = base64(`\0u@example.org\0${password}`);
      const ask =
        name === 'PLAIN'
          ? 'C! 1'
          : 'C! 1\nS: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\nC! 1';
      const login = name === 'LOGIN' ? '\nS: 334 UGFzc3dvcmQ6\nC! 1' : '';
      await dialogue(
        `${plainAuth(name)}
      ${ask}${login}
      S: 535 5.7.8 ${password} or ${blob} or ${base64(password)} or ${Buffer.from(password).toString('hex')} is wrong`,
        {},
        (port) =>
          failureOf(
            connectAndQuit(loopback(port, { transcript: new Transcript((entry) => entries.push(entry)) })),
          ),
      );
      const text = entries.map((entry) => entry.text).join('\n');
      expect(text).toContain(`AUTH ${name}`);
      expect(text).toContain('[redacted');
      for (let before = 0; before < 3; before++) {
        const core = base64('x'.repeat(before) + password).slice(Math.ceil((before * 4) / 3), -4);
        expect(text).not.toContain(core);
      }
      for (const form of [password, blob, base64(password)]) expect(text).not.toContain(form);
    },
  );
});
