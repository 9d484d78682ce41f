import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Message, type Receipt, SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { FEEDS, streamOf } from '../feeds.ts';

const named = (...names: string[]) => names.map((name) => `${name}@example.org`);
const letter = (): Message => ({ [Symbol.asyncIterator]: () => streamOf(['Subject: hi\r\n\r\nhi\r\n']) });

async function sendTo(port: number, recipients: readonly string[], host = '127.0.0.1'): Promise<Receipt> {
  await using client = await SmtpClient.connect({
    host,
    port,
    protocol: 'lmtp',
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
  });
  return await client.send({ reversePath: 'a@example.org', recipients }, letter());
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

const opening = `
  S: 220 mx LMTP
  C: LHLO me
  S: 250-mx
  S: 250 PIPELINING
`;
const group = (...names: string[]) =>
  ['C: MAIL FROM:<a@example.org>', ...named(...names).map((path) => `C: RCPT TO:<${path}>`)].join('\n');
const text = `
  C: DATA
  S: 354 go on
  C! 4
`;
const bye = 'C: QUIT\nS: 221 bye';

describe.each(FEEDS)('LMTP (RFC 2033), replies $name', ({ size: chunk }) => {
  const options = { chunk: Number.isFinite(chunk) ? chunk : 1e6 };

  test('each accepted recipient has a reply of its own after the dot, in order', async () => {
    const receipt = await dialogue(
      `${opening}
      ${group('b', 'c', 'd', 'e')}
      S: 250 ok
      S: 250 ok
      S: 550 5.1.1 no such user
      S: 250 ok
      S: 250 ok
      ${text}
      S: 250 2.1.5 b saved
      S: 452 4.2.2 d is
      S: 250-2.1.5 e
      S: 250 2.1.5 saved
      ${bye}`,
      options,
      (port) => sendTo(port, named('b', 'c', 'd', 'e')),
    );
    expect([...receipt.accepted]).toMatchObject([
      ['b@example.org', { code: 250, text: 'b saved' }],
      ['e@example.org', { code: 250, text: 'e saved' }],
    ]);
    expect([...receipt.rejected]).toMatchObject([
      ['c@example.org', { code: 550 }],
      ['d@example.org', { code: 452, enhanced: '4.2.2' }],
    ]);
    expect(receipt.reply.text).toBe('e saved');
  });
});

test('all refused after the dot: nobody has it', async () => {
  const error = await dialogue(
    `${opening}
    ${group('b', 'c')}
    S: 250 ok
    S: 250 ok
    S: 250 ok
    ${text}
    S: 452 4.2.2 full
    S: 450 4.2.0 locked
    ${bye}`,
    {},
    (port) => failureOf(sendTo(port, named('b', 'c'))),
  );
  expect(error).toMatchObject({
    name: 'RecipientsError',
    retryable: true,
    delivery: 'not-sent',
    connectionUsable: true,
  });
});

test('there is no HELO in LMTP', async () => {
  const error = await dialogue(`S: 220 mx\nC: LHLO me\nS: 502 what?\n*: end`, {}, (port) =>
    failureOf(sendTo(port, named('b'))),
  );
  expect(error).toMatchObject({ stage: 'ehlo', reply: { code: 502 } });
});

describe('what ends among the replies', () => {
  const upTo = `${opening}
    ${group('b', 'c', 'd', 'e')}
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 550 no
    ${text}
    S: 250 saved`;
  const everybody = named('b', 'c', 'd', 'e');
  const known = {
    accepted: new Map([['b@example.org', { code: 250, text: 'saved' }]]),
    rejected: new Map([['e@example.org', { code: 550 }]]),
    inDoubt: named('c', 'd'),
  };

  test.each(['*: close', '*: reset', '*: silence', 'S: what?'])(
    '%s: in doubt for the rest',
    async (event) => {
      const error = await dialogue(`${upTo}\n${event}`, {}, (port) => failureOf(sendTo(port, everybody)));
      expect(error).toMatchObject({ delivery: 'in-doubt', recipients: known });
    },
  );

  test('421: refused for one, in doubt for the rest', async () => {
    const error = await dialogue(`${upTo}\nS: 421 4.3.2 going down`, {}, (port) =>
      failureOf(sendTo(port, everybody)),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', recipients: { inDoubt: named('d') } });
    const { recipients } = error as { recipients: typeof known };
    expect(recipients.rejected.get('c@example.org')).toMatchObject({ code: 421 });
  });
});

test('a recipient that is named twice has two replies', async () => {
  const receipt = await dialogue(
    `${opening}
    ${group('b', 'b', 'c')}
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 250 ok
    ${text}
    S: 250 saved
    S: 250 saved
    S: 550 no
    ${bye}`,
    {},
    (port) => sendTo(port, named('b', 'b', 'c')),
  );
  expect([...receipt.accepted.keys()]).toEqual(named('b'));
  expect([...receipt.rejected.keys()]).toEqual(named('c'));
});

test('TLS over a Unix socket wants a name', async () => {
  const options = { host: '/nowhere/lmtp', port: 0, protocol: 'lmtp', security: 'starttls' } as const;
  expect(await failureOf(SmtpClient.connect(options))).toMatchObject({ code: 'ECONFIG' });
});

test('splits for too many recipients, too', async () => {
  const receipt = await dialogue(
    `${opening}
    ${group('b', 'c')}
    S: 250 ok
    S: 250 ok
    S: 452 4.5.3 too many
    ${text}
    S: 451 4.2.0 locked
    ${group('c')}
    S: 250 ok
    S: 250 ok
    ${text}
    S: 250 saved
    ${bye}`,
    {},
    (port) => sendTo(port, named('b', 'c')),
  );
  expect([...receipt.accepted.keys()]).toEqual(named('c'));
  expect([...receipt.rejected.keys()]).toEqual(named('b'));
});

test('over a Unix socket', async () => {
  const path = join(tmpdir(), `mailtool-test-${process.pid}.sock`);
  const lines: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 mx LMTP\r\n');
    let inText = false;
    socket.setEncoding('latin1').on('data', (data: string) => {
      for (const line of data.split('\r\n').slice(0, -1)) {
        lines.push(line);
        if (inText) {
          if (line !== '.') continue;
          inText = false;
          socket.write('250 saved\r\n');
        } else if (line === 'DATA') {
          inText = true;
          socket.write('354 go on\r\n');
        } else socket.write('250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const receipt = await sendTo(0, named('b'), path);
    expect(receipt.reply.text).toBe('saved');
    expect(lines[0]).toBe('LHLO me');
  } finally {
    server.close();
    rmSync(path, { force: true });
  }
});

test('a Unix socket that is not there is named', async () => {
  const error = await failureOf(sendTo(0, named('b'), '/nowhere/lmtp'));
  expect(error).toMatchObject({ code: 'ECONNECT', stage: 'connect' });
  expect(String(error)).toContain('cannot connect to /nowhere/lmtp: ');
});

describe('the wrong one of the two protocols', () => {
  test('LHLO to an SMTP server', async () => {
    const error = await dialogue('S: 220 mx ESMTP\nC: LHLO me\nS: 500 what?\n*: end', {}, (port) =>
      failureOf(sendTo(port, named('b'))),
    );
    expect(error).toMatchObject({ hint: 'it may speak SMTP: the same without --lmtp' });
  });

  test('EHLO to an LMTP server', async () => {
    const error = await dialogue(
      'S: 220 mx LMTP\nC: EHLO me\nS: 500 what?\nC: HELO me\nS: 500 what?\n*: end',
      {},
      (port) => failureOf(SmtpClient.connect({ host: '127.0.0.1', port, security: 'none', ehlo: 'me' })),
    );
    expect(error).toMatchObject({ hint: 'it may speak LMTP: the same with --lmtp' });
  });
});
