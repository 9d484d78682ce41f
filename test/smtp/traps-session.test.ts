import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SmtpOptions } from '../../src/smtp/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, connect, failureOf, letter, sendTo } from './traps.ts';

let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await certificateFor();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('trap 6: STARTTLS', () => {
  const upToTls = `
    S: 220 mx
    C: EHLO me
    S: 250-mx
    S: 250-PIPELINING
    S: 250-SIZE 5
    S: 250 STARTTLS
    C: STARTTLS`;
  const under = (port: number, more: Partial<SmtpOptions> = {}) =>
    connect(port, { security: 'starttls', tls: { ca: certificate.cert }, ...more });

  test('nothing that was offered before it is believed after it, PIPELINING and SIZE included', async () => {
    await dialogue(
      `${upToTls}
      S: 220 go
      *: tls
      C: EHLO me
      S: 250 mx
      C: MAIL FROM:<a@example.org>
      S: 550 no
      C: QUIT
      S: 221 bye`,
      { certificate },
      (port) =>
        failureOf(
          sendTo(port, Object.assign(letter(), { size: 19 }), {
            client: { security: 'starttls', tls: { ca: certificate.cert } },
          }),
        ),
    );
  });

  test.each([
    ['a reply', 'S: 220 go\nS: 235 you are logged in'],
    ['one octet', 'S- 220 go\\r\\n2'],
  ])('%s behind the 220 ends it: no handshake, no word more', async (_, said) => {
    const error = await dialogue(`${upToTls}\n${said}\n*: end`, {}, (port) => failureOf(under(port)));
    expect(error).toMatchObject({ code: 'ETLS', message: expect.stringContaining('arrived in plain text') });
  });

  test.each([
    ['454 4.7.0 not now', true],
    ['421 4.3.2 busy', true],
    ['502 5.5.1 what?', false],
  ])('refused by %s: nothing goes out in clear, log-in or not', async (reply, retryable) => {
    for (const credentials of [undefined, { username: 'u', password: 'p' }]) {
      const error = await dialogue(`${upToTls}\nS: ${reply}\n*: end`, {}, (port) =>
        failureOf(under(port, credentials === undefined ? {} : { credentials })),
      );
      expect(error).toMatchObject({ code: 'ETLS', stage: 'tls', retryable, delivery: 'not-sent' });
    }
  });

  test('the certificate is held to the name that was typed, and SNI has names only', async () => {
    const asked: unknown[] = [];
    const server = createServer({ ...certificate }, (socket) => {
      asked.push(socket.servername);
      socket.on('error', () => undefined).end('554 no\r\n');
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const host of ['localhost', '127.0.0.1'])
      await failureOf(connect(port, { host, security: 'implicit', tls: { ca: certificate.cert } }));
    expect(asked).toEqual(['localhost', false]);
    server.close();
    const elsewhere = { ca: certificate.cert, servername: 'mx.example.org' };
    const error = await dialogue('*: tls refused', { certificate }, (port) =>
      failureOf(connect(port, { security: 'implicit', tls: elsewhere })),
    );
    expect(error).toMatchObject({ code: 'ECERT', message: expect.stringContaining('mx.example.org') });
  });
});

describe('trap 10: the AUTH dance', () => {
  const offering = (line: string) => `
    S: 220 mx
    C: EHLO me
    S: 250-mx
    S: 250 ${line}`;
  const password = { username: 'u', password: 'p' };
  const token = { username: 'u', token: 't' };
  const logIn = (port: number, more: Partial<SmtpOptions> = { credentials: password }) =>
    connect(port, more).then((client) => client.quit().then(() => client));
  const plain = `C: AUTH PLAIN ${base64('\0u\0p')}`;

  test('an empty initial response is =', async () => {
    await dialogue(`${offering('AUTH EXTERNAL')}\nC: AUTH EXTERNAL =\nS: 235 ok${BYE}`, {}, (port) =>
      logIn(port, { credentials: { username: '' } }),
    );
  });

  test('a challenge may be empty, with a blank or without', async () => {
    await dialogue(
      `${offering('AUTH LOGIN')}
      C: AUTH LOGIN
      S: 334
      C: ${base64('u')}
      S- 334 \\r\\n
      C: ${base64('p')}
      S: 235
      ${BYE}`,
      {},
      (port) => logIn(port),
    );
  });

  test.each([
    ['OAUTHBEARER', 'AQ=='],
    ['XOAUTH2', ''],
  ])('%s: the error report in a 334 gets one dummy answer, and is told', async (name, dummy) => {
    const error = await dialogue(
      `${offering(`AUTH ${name}`)}
      C~ ^AUTH ${name} \\S+$
      S: 334 ${base64('{"status":"401"}')}
      C: ${dummy}
      S: 535 5.7.8 no
      *: end`,
      {},
      (port) => failureOf(logIn(port, { credentials: token })),
    );
    expect(error).toMatchObject({ code: 'EAUTH', permanent: true, reply: { code: 535 } });
    expect(String(error)).toContain('{"status":"401"}');
  });

  test.each([600, 9_000])('a token of %d octets goes with the command', async (octets) => {
    const credentials = { username: 'u', token: 't'.repeat(octets) };
    const blob = base64(`user=u\x01auth=Bearer ${credentials.token}\x01\x01`);
    await dialogue(`${offering('AUTH XOAUTH2')}\nC: AUTH XOAUTH2 ${blob}\nS: 235 ok${BYE}`, {}, (port) =>
      logIn(port, { credentials }),
    );
  });

  test('one that does not fit in 12,288 octets with the command goes after it', async () => {
    const credentials = { username: 'u', token: 't'.repeat(9_190) };
    const blob = base64(`user=u\x01auth=Bearer ${credentials.token}\x01\x01`);
    expect(blob.length).toBeGreaterThan(12_288 - 'AUTH XOAUTH2 '.length);
    await dialogue(
      `${offering('AUTH XOAUTH2')}\nC: AUTH XOAUTH2\nS: 334\nC: ${blob}\nS: 235 ok${BYE}`,
      {},
      (port) => logIn(port, { credentials }),
    );
  });

  test('a challenge of 12,000 octets is read', async () => {
    await dialogue(
      `${offering('AUTH LOGIN')}
      C: AUTH LOGIN
      S: 334 ${base64('x'.repeat(9_000))}
      C! 1
      S: 334
      C! 1
      S: 235 ok
      ${BYE}`,
      {},
      (port) => logIn(port),
    );
  });

  test.each(['AUTH=PLAIN LOGIN', 'AUTH=PLAIN', 'auth plain'])('250-%s offers PLAIN', async (line) => {
    const client = await dialogue(`${offering(line)}\n${plain}\nS: 235 ok${BYE}`, {}, (port) => logIn(port));
    expect(client.mechanism).toBe('PLAIN');
  });

  test('after success there is no second EHLO', async () => {
    await dialogue(
      `${offering('AUTH PLAIN')}\n${plain}\nS: 235 ok\nC: MAIL FROM:<a@example.org>\nS: 550 no${BYE}`,
      {},
      (port) => failureOf(sendTo(port, letter(), { client: { credentials: password } })),
    );
  });

  test.each([
    ['432 4.7.12 change it', true],
    ['454 4.7.0 later', false],
    ['421 4.3.2 busy', false],
    ['500 5.5.6 too long', true],
    ['501 5.5.2 cannot decode', true],
    ['530 5.7.0 STARTTLS first', true],
    ['535 5.7.8 wrong', true],
    ['538 5.7.11 encrypt first', true],
  ])('%s ends it: no other mechanism is tried', async (reply, permanent) => {
    const error = await dialogue(
      `${offering('AUTH PLAIN LOGIN')}\n${plain}\nS: ${reply}\n*: end`,
      {},
      (port) => failureOf(logIn(port)),
    );
    expect(error).toMatchObject({ stage: 'auth', permanent, retryable: !permanent });
  });

  test.each(['504 5.5.4 unknown', '534 5.7.9 too weak'])('%s leads to the next', async (reply) => {
    await dialogue(
      `${offering('AUTH PLAIN LOGIN')}
      ${plain}
      S: ${reply}
      C: AUTH LOGIN
      S: 535 5.7.8 wrong
      *: end`,
      {},
      (port) => failureOf(logIn(port)),
    );
  });

  test.each(['S: 501 5.7.0 cancelled', 'S: 235 welcome', 'S: 334', '*: close', 'S: 421 bye'])(
    'nonsense is answered with *, and %s to that changes nothing',
    async (answer) => {
      const error = await dialogue(
        `${offering('AUTH SCRAM-SHA-256')}
        C~ ^AUTH SCRAM-SHA-256 \\S+$
        S: 334 ${base64('r=another,s=AAAA,i=4096')}
        C: *
        ${answer}
        *: end`,
        {},
        (port) => failureOf(logIn(port)),
      );
      expect(error).toMatchObject({ code: 'EAUTH', retryable: false });
      expect(String(error)).toContain('not an answer to ours');
    },
  );

  test('a server that has not proved itself has not let us in', async () => {
    const error = await dialogue(
      `${offering('AUTH SCRAM-SHA-256')}\nC~ ^AUTH SCRAM-SHA-256 \\S+$\nS: 235 welcome, whoever\n*: end`,
      {},
      (port) => failureOf(logIn(port)),
    );
    expect(error).toMatchObject({ code: 'EAUTH', message: expect.stringContaining('before it had proved') });
  });
});

describe('trap 12: names of other scripts', () => {
  test.each(['münchen.example', 'two words', 'me\r\nMAIL FROM:<x@y>', ''])(
    'EHLO says ASCII: %j does not even connect',
    async (ehlo) => {
      const error = await failureOf(connect(9, { ehlo }));
      expect(error).toMatchObject({ code: 'EUSAGE', message: expect.stringContaining('EHLO') });
    },
  );

  test('a local part of another script needs SMTPUTF8, and stops before MAIL without it', async () => {
    const script = (keyword: string) => `
      S: 220 mx
      C: EHLO me
      S: 250-mx
      S: 250 ${keyword}`;
    const recipients = ['杰@例子.example'];
    const error = await dialogue(`${script('8BITMIME')}${BYE}`, {}, (port) =>
      failureOf(sendTo(port, letter(), { recipients })),
    );
    expect(error).toMatchObject({ code: 'EUNSUPPORTED', keyword: 'SMTPUTF8' });
    await dialogue(
      `${script('SMTPUTF8')}
      C: MAIL FROM:<a@example.org> SMTPUTF8
      S: 250 ok
      C: RCPT TO:<杰@例子.example>
      S: 250 ok
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      ${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients }),
    );
  });
});
