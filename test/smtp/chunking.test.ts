import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Message, type Receipt, type SendOptions, SmtpClient } from '../../src/smtp/index.ts';
import { dialogue } from '../dialogue.ts';
import { streamOf } from '../feeds.ts';

const CHUNK = 256 * 1024;

const letter = (more: object = {}, text = 'Subject: hi\r\n\r\n.dot\r\n'): Message => ({
  ...more,
  [Symbol.asyncIterator]: () => streamOf([text]),
});

async function sendTo(
  port: number,
  message: Message = letter(),
  options: SendOptions = { chunking: true },
  protocol: 'smtp' | 'lmtp' = 'smtp',
  recipients = ['b@example.org'],
): Promise<Receipt> {
  await using client = await SmtpClient.connect({
    host: '127.0.0.1',
    port,
    protocol,
    security: 'none',
    ehlo: 'me',
    idleTimeoutMs: 2000,
  });
  return await client.send({ reversePath: 'a@example.org', recipients }, message, options);
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error,
  );

const offering = (...keywords: string[]) => `
  S: 220 mx
  C: EHLO me
  S: 250-mx
  ${keywords.map((keyword) => `S: 250-${keyword}`).join('\n')}
  S: 250 8BITMIME
`;
const opening = offering('CHUNKING', 'PIPELINING');
const taken = `
  C: MAIL FROM:<a@example.org>
  C: RCPT TO:<b@example.org>
  S: 250 ok
  S: 250 ok
`;
const bye = 'C: QUIT\nS: 221 bye';

describe('CHUNKING (RFC 3030)', () => {
  test('a small message is one chunk, and the last: nothing is stuffed', async () => {
    const receipt = await dialogue(
      `${opening}${taken}
      C: BDAT 21 LAST
      C: Subject: hi
      C:
      C: .dot
      S: 250 2.0.0 queued as 1
      ${bye}`,
      {},
      (port) => sendTo(port),
    );
    expect(receipt).toMatchObject({ size: 21, reply: { text: 'queued as 1' } });
    expect([...receipt.accepted.keys()]).toEqual(['b@example.org']);
  });

  test('line ends become CRLF, and the last line has one', async () => {
    await dialogue(
      `${opening}${taken}
      C: BDAT 12 LAST
      C: a
      C: .
      C:
      C: .c
      S: 250 ok
      ${bye}`,
      {},
      (port) => sendTo(port, letter({}, 'a\n.\r\r.c')),
    );
  });

  test('it is not used when nobody asks', async () => {
    await dialogue(
      `${opening}${taken}
      C: DATA
      S: 354 go on
      C! 4
      S: 250 ok
      ${bye}`,
      {},
      (port) => sendTo(port, letter(), {}),
    );
  });

  test.each([
    ['CHUNKING', ['PIPELINING'], {}],
    ['CHUNKING', ['PIPELINING', 'BINARYMIME'], { binary: true }],
    ['BINARYMIME', ['PIPELINING', 'CHUNKING'], { binary: true }],
    ['8BITMIME', ['CHUNKING'], { eightBit: true }],
  ])('without %s it stops before MAIL', async (keyword, offered, needs) => {
    const hello = offering(...offered).replace('8BITMIME', keyword === '8BITMIME' ? 'HELP' : '8BITMIME');
    const error = await dialogue(`${hello}${bye}`, {}, (port) => failureOf(sendTo(port, letter(needs))));
    expect(error).toMatchObject({ code: 'EUNSUPPORTED', keyword });
  });

  test('an 8-bit message is no binary one', async () => {
    await dialogue(
      `${offering('CHUNKING', 'BINARYMIME', 'PIPELINING')}
      ${taken.replace('org>', 'org> BODY=8BITMIME')}
      C: BDAT 21 LAST
      C! 3
      S: 250 ok
      ${bye}`,
      {},
      (port) => sendTo(port, letter({ eightBit: true })),
    );
  });

  test('a binary message goes out as it is, and by BDAT unasked', async () => {
    const bytes = '\0a\nb\r.\r\r\nc';
    const { commands, digest } = await chunkServer(
      ['CHUNKING', 'BINARYMIME', '8BITMIME'],
      () => '250 ok',
      (port) => sendTo(port, letter({ binary: true, eightBit: true }, bytes), {}),
    );
    expect(commands).toContain('MAIL FROM:<a@example.org> BODY=BINARYMIME');
    expect(commands).toContain('BDAT 10 LAST');
    expect(digest).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('in LMTP the last chunk has a reply for each recipient', async () => {
    const receipt = await dialogue(
      `${opening.replace('EHLO', 'LHLO')}
      C: MAIL FROM:<a@example.org>
      C: RCPT TO:<b@example.org>
      C: RCPT TO:<c@example.org>
      S: 250 ok
      S: 250 ok
      S: 250 ok
      C: BDAT 21 LAST
      C! 3
      S: 250 saved
      S: 452 4.2.2 full
      ${bye}`,
      {},
      (port) => sendTo(port, letter(), { chunking: true }, 'lmtp', ['b@example.org', 'c@example.org']),
    );
    expect([...receipt.accepted.keys()]).toEqual(['b@example.org']);
    expect([...receipt.rejected.keys()]).toEqual(['c@example.org']);
  });
});

describe('what becomes of it', () => {
  const left = `${opening}${taken}
    C: BDAT 21 LAST
    C! 3`;

  test.each(['*: close', '*: reset', '*: silence', 'S: what?'])(
    '%s after the last chunk: in doubt',
    async (event) => {
      const error = await dialogue(`${left}\n${event}`, {}, (port) => failureOf(sendTo(port)));
      expect(error).toMatchObject({ delivery: 'in-doubt', stage: 'eod' });
    },
  );

  test('a refusal of the last chunk is one of the message, and the connection stays', async () => {
    const error = await dialogue(`${left}\nS: 554 5.7.1 spam\n${bye}`, {}, (port) => failureOf(sendTo(port)));
    expect(error).toMatchObject({
      delivery: 'not-sent',
      stage: 'eod',
      permanent: true,
      connectionUsable: true,
    });
  });

  test('a source that fails: the last chunk does not leave', async () => {
    async function* failing() {
      yield Buffer.from('Subject: half\r\n');
      throw new Error('the disk is gone');
    }
    const error = await dialogue(`${opening}${taken}*: end`, {}, (port) =>
      failureOf(sendTo(port, failing())),
    );
    expect(String(error)).toContain('the disk is gone');
  });
});

/** A server that reads chunks by their length and answers the nth by `answer`, when it has been asked to. */
async function chunkServer<T>(
  extensions: readonly string[],
  answer: (nth: number, last: boolean, unanswered: number) => string | undefined,
  client: (port: number) => Promise<T>,
) {
  const body = createHash('sha256');
  const commands: string[] = [];
  let octets = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let held: Buffer = Buffer.alloc(0);
    let due = 0;
    let last = false;
    let nth = 0;
    let unanswered = 0;
    const say = (text: string) => socket.write(`${text}\r\n`);
    say('220 mx');
    socket.on('data', (data: Buffer) => {
      held = Buffer.concat([held, data]);
      for (;;) {
        if (due > 0) {
          const part = held.subarray(0, due);
          held = held.subarray(part.length);
          due -= part.length;
          octets += part.length;
          body.update(part);
          if (due > 0) return;
          unanswered++;
          const reply = answer(nth++, last, unanswered);
          if (reply !== undefined) {
            say(reply);
            unanswered = 0;
          }
          continue;
        }
        const end = held.indexOf('\r\n');
        if (end === -1) return;
        const line = held.subarray(0, end).toString('latin1');
        held = held.subarray(end + 2);
        commands.push(line);
        if (line === 'RSET') nth = 0;
        const chunk = /^BDAT (\d+)( LAST)?$/.exec(line);
        if (chunk !== null) {
          due = Number(chunk[1]);
          last = chunk[2] !== undefined;
        } else if (line.startsWith('EHLO'))
          say(['250-mx', ...extensions.map((each) => `250-${each}`), '250 OK'].join('\r\n'));
        else say('250 ok');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const value = await client((server.address() as AddressInfo).port);
    return { value, commands, octets, digest: body.copy().digest('hex') };
  } finally {
    server.close();
  }
}

const lines = Buffer.from(
  `${randomBytes(1_500_000).toString('base64').replace(/.{76}/g, '$&\r\n.')}\r\n`,
  'latin1',
);
const big = (): Message => ({
  [Symbol.asyncIterator]: () =>
    streamOf(
      Array.from({ length: 100 }, (_, n) =>
        lines.subarray(n * 21_000, n === 99 ? undefined : (n + 1) * 21_000),
      ),
    ),
});

describe('a message of many chunks', () => {
  const all = ['CHUNKING', 'PIPELINING'];

  test('arrives as it was, in full chunks and a last one', async () => {
    const { commands, octets, digest } = await chunkServer(
      all,
      () => '250 ok',
      (port) => sendTo(port, big()),
    );
    expect(octets).toBe(lines.length);
    expect(digest).toBe(createHash('sha256').update(lines).digest('hex'));
    const sizes = commands.filter((line) => line.startsWith('BDAT'));
    expect(sizes.slice(0, -1).every((line) => line === `BDAT ${CHUNK}`)).toBe(true);
    expect(sizes.at(-1)).toBe(`BDAT ${lines.length % CHUNK} LAST`);
  });

  test('does not wait for replies where the server has PIPELINING, as long as few are due', async () => {
    let most = 0;
    const answer = (_: number, last: boolean, unanswered: number) => {
      most = Math.max(most, unanswered);
      const enough = last || unanswered === 4;
      return enough ? Array.from({ length: unanswered }, () => '250 ok').join('\r\n') : undefined;
    };
    await chunkServer(all, answer, (port) => sendTo(port, big()));
    expect(most).toBe(4);
  });

  test.each([
    ['PIPELINING', 4],
    ['HELP', 1],
  ] as const)('stops when too many replies are due (%s)', async (extension, most) => {
    const { value, commands } = await chunkServer(
      ['CHUNKING', extension],
      () => undefined,
      (port) => failureOf(sendTo(port, big())),
    );
    expect(value).toMatchObject({ code: 'ETIMEOUT', delivery: 'not-sent', stage: 'data' });
    expect(commands.filter((line) => line.startsWith('BDAT'))).toHaveLength(most);
  });

  test('a chunk refused after the last has left: the message is refused, not in doubt', async () => {
    const { value } = await chunkServer(
      all,
      (_, last, unanswered) =>
        last
          ? `${'250 ok\r\n'.repeat(unanswered - 2)}452 4.3.1 no space`
          : unanswered === 4
            ? '250 ok\r\n'.repeat(4).trim()
            : undefined,
      (port) => failureOf(sendTo(port, big())),
    );
    expect(value).toMatchObject({ reply: { code: 452 }, delivery: 'not-sent', connectionUsable: false });
  });

  test.each(['PIPELINING', 'HELP'])(
    'a chunk refused: no more are written, and RSET clears up (%s)',
    async (extension) => {
      const { value, commands } = await chunkServer(
        ['CHUNKING', extension],
        (nth) => (nth === 0 || nth > 100 ? '250 ok' : nth === 1 ? '552 5.3.4 too big' : '503 5.5.1 refused'),
        async (port) => {
          await using client = await SmtpClient.connect({
            host: '127.0.0.1',
            port,
            security: 'none',
            ehlo: 'me',
            idleTimeoutMs: 2000,
          });
          const envelope = { reversePath: 'a@example.org', recipients: ['b@example.org'] };
          const error = await failureOf(client.send(envelope, big(), { chunking: true }));
          const receipt = await client.send(envelope, letter(), { chunking: true });
          return { error, receipt };
        },
      );
      expect(value.error).toMatchObject({
        reply: { code: 552 },
        delivery: 'not-sent',
        connectionUsable: true,
      });
      expect(value.receipt.reply.code).toBe(250);
      expect(commands.filter((line) => line.endsWith('LAST'))).toEqual(['BDAT 21 LAST']);
      expect(commands).toContain('RSET');
    },
  );

  test('421 while it goes out is the last word', async () => {
    const { value } = await chunkServer(
      all,
      (nth) => (nth === 1 ? '421 4.3.2 going down' : '250 ok'),
      (port) => failureOf(sendTo(port, big())),
    );
    expect(value).toMatchObject({ reply: { code: 421 }, delivery: 'not-sent', connectionUsable: false });
  });
});
