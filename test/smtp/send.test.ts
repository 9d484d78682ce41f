import { describe, expect, test } from 'vitest';
import { ConnectionError, RecipientsError, RejectedError } from '../../src/errors.ts';
import { type Receipt, type SendOptions, SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { FEEDS, streamOf } from '../feeds.ts';

const envelope = { reversePath: 'a@example.org', recipients: ['b@example.org'] };
const three = {
  reversePath: 'a@example.org',
  recipients: ['b@example.org', 'c@example.org', 'd@example.org'],
};
const body = () => streamOf(['Subject: hi\r\n\r\n.dot\r\n']);

async function sendTo(
  port: number,
  to = envelope,
  options: SendOptions = {},
  message = body(),
): Promise<Receipt> {
  const client = await SmtpClient.connect({
    host: '127.0.0.1',
    port,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
  });
  try {
    return await client.send(to, message, options);
  } finally {
    await client.quit();
  }
}

/** What a rejected promise was rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );
}

const opening = `
  S: 220 mx.example.org ESMTP
  C: EHLO me
  S: 250-mx.example.org
  S: 250-SIZE 1000
  S: 250 PIPELINING
`;

describe.each(FEEDS)('sending, replies $name', ({ size: chunk }) => {
  const options = { chunk: Number.isFinite(chunk) ? chunk : 1e6 };

  test('the whole dialogue', async () => {
    const receipt = await dialogue(
      `${opening}
      C: MAIL FROM:<a@example.org>
      C: RCPT TO:<b@example.org>
      S: 250 2.1.0 ok
      S: 250 2.1.5 ok
      C: DATA
      S: 354 go on
      C: Subject: hi
      C:
      C: ..dot
      C: .
      S: 250 2.0.0 queued as 1
      C: QUIT
      S: 221 bye`,
      options,
      (port) => sendTo(port),
    );
    expect([...receipt.accepted.keys()]).toEqual(['b@example.org']);
    expect(receipt.reply).toMatchObject({ code: 250, enhanced: '2.0.0', text: 'queued as 1' });
  });

  test('without PIPELINING each command waits for its reply, and HELO does where EHLO is not known', async () => {
    await dialogue(
      `
      S: 220 old
      C: EHLO me
      S: 502 what?
      C: HELO me
      S: 250 hello
      C: MAIL FROM:<a@example.org>
      S: 250
      C: RCPT TO:<b@example.org>
      S: 251 forwarding
      C: DATA
      S: 354
      C! 4
      S: 250 ok
      C: QUIT
      S: 221 bye`,
      options,
      (port) => sendTo(port),
    );
  });

  test('one of three recipients refused: the message goes to the others, the refusal is told', async () => {
    const receipt = await dialogue(
      `${opening}
      C! 4
      S: 250 ok
      S: 250 ok
      S: 550-5.1.1 no
      S: 550 5.1.1 such user
      S: 250 ok
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      C: QUIT
      S: 221 bye`,
      options,
      (port) => sendTo(port, three),
    );
    expect([...receipt.accepted.keys()]).toEqual(['b@example.org', 'd@example.org']);
    expect(receipt.rejected.get('c@example.org')).toMatchObject({
      code: 550,
      enhanced: '5.1.1',
      text: 'no such user',
    });
  });

  test('a refused MAIL: the replies to the rest of its group are read too', async () => {
    const error = await dialogue(
      `${opening}
      C! 2
      S: 550 5.7.1 not you
      S: 503 no MAIL
      C: QUIT
      S: 221 bye`,
      options,
      (port) => failureOf(sendTo(port)),
    );
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({ stage: 'mail', permanent: true, connectionUsable: true });
  });
});

describe('recipients', () => {
  test.each([
    ['for good', '550 no', '550 no', false],
    ['for now', '450 later', '451 later', true],
    ['one for good', '550 no', '450 later', false],
  ])('all refused %s', async (_, first, second, retryable) => {
    const error = await dialogue(
      `${opening}
      C! 3
      S: 250 ok
      S: ${first}
      S: ${second}
      C: QUIT
      S: 221 bye`,
      {},
      (port) => failureOf(sendTo(port, { ...three, recipients: three.recipients.slice(0, 2) })),
    );
    expect(error).toBeInstanceOf(RecipientsError);
    expect(error).toMatchObject({ retryable });
    expect([...(error as RecipientsError).replies.keys()]).toEqual(['b@example.org', 'c@example.org']);
  });

  test('with requireAll one refusal stops before DATA', async () => {
    const error = await dialogue(
      `${opening}
      C! 3
      S: 250 ok
      S: 250 ok
      S: 550 no
      C: QUIT
      S: 221 bye`,
      {},
      (port) =>
        failureOf(sendTo(port, { ...three, recipients: three.recipients.slice(0, 2) }, { requireAll: true })),
    );
    expect(error).toBeInstanceOf(RecipientsError);
  });

  test('more recipients than the window go out in several groups', async () => {
    const many = Array.from({ length: 250 }, (_, n) => `r${n}@example.org`);
    const ok = (count: number) => 'S: 250 ok\n'.repeat(count);
    const receipt = await dialogue(
      `${opening}
      C! 100
      ${ok(100)}
      C! 100
      ${ok(100)}
      C! 51
      ${ok(51)}
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) => sendTo(port, { reversePath: '', recipients: many }),
    );
    expect(receipt.accepted.size).toBe(250);
  });

  test('a second message after a refused one begins with RSET', async () => {
    await dialogue(
      `${opening}
      C! 2
      S: 250 ok
      S: 550 no
      C: RSET
      S: 250 ok
      C! 2
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      C: QUIT
      S: 221 bye`,
      {},
      async (port) => {
        await using client = await SmtpClient.connect({
          host: '127.0.0.1',
          port,
          security: 'none',
          ehlo: 'me',
        });
        await failureOf(client.send(envelope, body()));
        await client.send(envelope, body());
      },
    );
  });
});

describe('the outcome', () => {
  const upToData = `${opening}
      C! 2
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on`;

  test.each(['close', 'reset'])('is unknown after the dot when the server does %s', async (event) => {
    const error = await dialogue(`${upToData}\nC! 4\n*: ${event}`, {}, (port) => failureOf(sendTo(port)));
    expect(error).toMatchObject({ delivery: 'in-doubt', retryable: false, stage: 'eod' });
    expect((error as ConnectionError).toJSON()).toMatchObject({ code: 'EUNCERTAIN' });
  });

  test('is unknown when no reply to the dot comes in time, or one that is none', async () => {
    const silent = await dialogue(`${upToData}\nC! 4\n*: silence`, {}, (port) => failureOf(sendTo(port)));
    expect(silent).toMatchObject({ delivery: 'in-doubt' });
    const garbage = await dialogue(`${upToData}\nC! 4\nS: what?`, {}, (port) => failureOf(sendTo(port)));
    expect(garbage).toMatchObject({ delivery: 'in-doubt', code: 'EPROTO' });
  });

  test.each([
    ['451 4.3.0 later', true, 'ETEMP'],
    ['554 5.7.1 spam', false, 'EREJECTED'],
    ['421 4.3.2 going down', true, 'ETEMP'],
  ])('is a refusal when the dot is answered by %s', async (reply, retryable, code) => {
    const after = reply.startsWith('421') ? '' : 'C: QUIT\nS: 221 bye';
    const error = await dialogue(`${upToData}\nC! 4\nS: ${reply}\n${after}`, {}, (port) =>
      failureOf(sendTo(port)),
    );
    expect(error).toMatchObject({ delivery: 'not-sent', retryable, code, stage: 'eod' });
  });

  test('is not sent when the source fails: no dot leaves', async () => {
    async function* failing() {
      yield Buffer.from('Subject: half\r\n');
      throw new Error('the disk is gone');
    }
    const error = await dialogue(`${upToData}\n*: silence`, {}, (port) =>
      failureOf(sendTo(port, envelope, {}, failing())),
    );
    expect(String(error)).toContain('the disk is gone');
  });

  test('is a refusal when the server answers before the end; writing stops', async () => {
    let written = 0;
    async function* endless() {
      for (;;) {
        written += 1;
        yield Buffer.alloc(65536, 'x\r\n');
        if (written > 5000) throw new Error('the early reply was not noticed');
      }
    }
    const error = await dialogue(
      `${upToData}
      C! 10
      S: 552 5.3.4 too big
      *: silence`,
      {},
      (port) => failureOf(sendTo(port, envelope, {}, endless())),
    );
    expect(error).toMatchObject({ code: 'EREJECTED', connectionUsable: false, reply: { code: 552 } });
  });

  test("is told in the server's last words, not as a broken pipe", async () => {
    async function* slow() {
      yield Buffer.alloc(2_000_000, 'x\r\n');
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (let n = 0; n < 100; n++) yield Buffer.alloc(1_000_000, 'x\r\n');
    }
    const error = await dialogue(
      `${upToData}
      C! 10
      S: 421 4.3.2 shutting down
      *: close`,
      {},
      (port) => failureOf(sendTo(port, envelope, {}, slow())),
    );
    expect(error).toMatchObject({ reply: { code: 421 }, retryable: true, delivery: 'not-sent' });
  });

  test('stands when the server does not say goodbye', async () => {
    const receipt = await dialogue(`${upToData}\nC! 4\nS: 250 ok\nC: QUIT\n*: reset`, {}, (port) =>
      sendTo(port),
    );
    expect(receipt.reply.code).toBe(250);
  });
});

describe('421 and hang-ups', () => {
  const stages: readonly [string, string][] = [
    ['greeting', ''],
    ['ehlo', 'S: 220 hi\nC: EHLO me'],
    ['mail', `${opening}C! 2`],
    ['rcpt', `${opening}C! 2\nS: 250 ok`],
    ['data', `${opening}C! 2\nS: 250 ok\nS: 250 ok\nC: DATA`],
  ];

  test.each(stages)('421 at %s is temporary and closes', async (stage, script) => {
    const error = await dialogue(`${script}\nS: 421 4.3.2 later`, {}, (port) => failureOf(sendTo(port)));
    expect(error).toMatchObject({ stage, retryable: true, connectionUsable: false, reply: { code: 421 } });
  });

  test.each(stages)('a hang-up at %s is a lost connection', async (stage, script) => {
    const error = await dialogue(`${script}\n*: close`, {}, (port) => failureOf(sendTo(port)));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ retryable: true, delivery: 'not-sent', stage });
  });

  test.each(stages)('silence at %s ends with its deadline', async (stage, script) => {
    const error = await dialogue(`${script}\n*: silence`, {}, (port) =>
      failureOf(
        SmtpClient.connect({
          host: '127.0.0.1',
          port,
          security: 'none',
          ehlo: 'me',
          idleTimeoutMs: 100,
        }).then((client) => client.send(envelope, body())),
      ),
    );
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage });
  });

  test('EHLO refused by 421 does not lead to HELO', async () => {
    const error = await dialogue('S: 220 hi\nC: EHLO me\nS: 421 busy\n*: end', {}, (port) =>
      failureOf(sendTo(port)),
    );
    expect(error).toMatchObject({ reply: { code: 421 } });
  });
});

describe('what the server cannot take stops before MAIL', () => {
  test.each([
    ['SIZE', { size: 1001 }, 'ESIZE'],
    ['8BITMIME', { eightBit: true }, 'EUNSUPPORTED'],
    ['SMTPUTF8', { smtpUtf8: true }, 'EUNSUPPORTED'],
  ])('%s', async (keyword, wanted, code) => {
    const error = await dialogue(`${opening}C: QUIT\nS: 221 bye`, {}, (port) =>
      failureOf(sendTo(port, envelope, {}, Object.assign(body(), wanted))),
    );
    expect(error).toMatchObject({ keyword, code });
  });

  test('a size that fits is told', async () => {
    await dialogue(
      `${opening}
      C: MAIL FROM:<a@example.org> SIZE=1000
      C: RCPT TO:<b@example.org>
      S: 250 ok
      S: 250 ok
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      C: QUIT
      S: 221 bye`,
      {},
      (port) => sendTo(port, envelope, {}, Object.assign(body(), { size: 1000 })),
    );
  });
});

test.each([
  'a\r\nRCPT TO:<x@y>',
  'a\n@b',
  'a\0@b',
  '<a@b>',
  'a b@c',
  'a@b c',
  'a@b> SIZE=1',
  `${'x'.repeat(260)}@b`,
])('the address %j never reaches the wire', async (address) => {
  const error = await dialogue(`${opening}C: QUIT\nS: 221 bye`, {}, (port) =>
    failureOf(sendTo(port, { reversePath: 'a@b', recipients: [address] })),
  );
  expect(error).toMatchObject({ code: 'EDATA' });
});
