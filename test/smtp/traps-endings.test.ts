import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { compose } from '../../src/mime/index.ts';
import { Deadline } from '../../src/net/deadline.ts';
import { Transcript } from '../../src/net/transcript.ts';
import type { SmtpOptions } from '../../src/smtp/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { smtpServer } from '../cli/scripted-server.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, connect, draft, ENVELOPE, failureOf, letter, opening, sendTo, TRANSACTION } from './traps.ts';

let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await certificateFor();
});

const upToText = `${opening()}${TRANSACTION}`;
const TEXT = 'C! 4';
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Chunks that are sent one by one, none of them held back. */
async function* endless(): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < 5000; count++) yield Buffer.alloc(65_536, 'x\r\n');
  throw new Error('nobody stopped the writing');
}

/** A server that takes a message up to the 354, and then reads nothing more; `then` says what it does. */
async function deafAfterData(then: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 mx\r\n');
    socket.on('data', (chunk) => {
      const text = chunk.toString();
      if (!text.includes('DATA')) socket.write('250 ok\r\n');
      else {
        socket.pause();
        socket.write('354 go on\r\n');
        then(socket);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

describe('trap 8: no answer to the end of the message', () => {
  test.each([
    ['a hang-up', '*: close'],
    ['a reset', '*: reset'],
    ['half an answer', 'S- 250 o\n*: close'],
    ['a first line without the last', 'S: 250-queued\n*: close'],
    ['no SMTP', 'S: 25 queued'],
    ['an answer to something else', 'S: 354 go on'],
    ['silence', '*: silence'],
  ])('%s leaves it in doubt, and nothing sends it again', async (_, then) => {
    const error = await dialogue(`${upToText}\n${TEXT}\n${then}`, {}, (port) =>
      failureOf(sendTo(port, letter(), { client: { idleTimeoutMs: 300 } })),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', retryable: false, stage: 'eod' });
  });

  test('a deadline that passes then does, too', async () => {
    const error = await dialogue(`${upToText}\n${TEXT}\n*: silence`, {}, (port) =>
      failureOf(sendTo(port, letter(), { client: { deadline: Deadline.after(300) } })),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', stage: 'eod' });
  });

  test.each([
    ['451 4.3.0 later', true],
    ['554 5.7.1 spam', false],
    ['421 4.3.2 bye', true],
  ])('an answer that comes with the hang-up, %s, is an answer', async (reply, retryable) => {
    const error = await dialogue(`${upToText}\n${TEXT}\nS: ${reply}\n*: close`, {}, (port) =>
      failureOf(sendTo(port)),
    );
    expect(error).toMatchObject({ delivery: 'not-sent', retryable, stage: 'eod' });
  });

  // The dot has left once the network has it, which the writer hears a moment later.
  test.each(['none', 'implicit'] as const)(
    'interrupted at the very moment it leaves (%s)',
    async (security) => {
      const stop = new AbortController();
      const transcript = new Transcript(({ text }) => {
        if (text.includes('the dot that ends it')) queueMicrotask(() => stop.abort());
      });
      const error = await dialogue(
        `${security === 'implicit' ? '*: tls' : ''}${upToText}\n${TEXT}\nC: QUIT\n*: end`,
        { certificate },
        (port) =>
          failureOf(
            sendTo(port, letter(), {
              client: { signal: stop.signal, transcript, security, tls: { ca: certificate.cert } },
            }),
          ),
      );
      expect(error).toMatchObject({ name: 'InterruptedError', delivery: 'in-doubt', stage: 'eod' });
    },
  );
});

describe('trap 9: 421 and hang-ups', () => {
  const plain = { credentials: { username: 'u', password: 'p' } };
  const hello = (keyword: string) => `S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250-PIPELINING\nS: 250 ${keyword}`;
  const log = `C: AUTH LOGIN\nS: 334\nC: ${base64('u')}`;
  const stages: readonly [stage: string, script: string, options?: Partial<SmtpOptions>][] = [
    ['greeting', ''],
    ['ehlo', 'S: 220 mx\nC: EHLO me'],
    ['tls', `${hello('STARTTLS')}\nC: STARTTLS`, { security: 'starttls' }],
    ['auth', `${hello('AUTH LOGIN')}\nC: AUTH LOGIN`, plain],
    ['auth', `${hello('AUTH LOGIN')}\n${log}`, plain],
    ['mail', `${hello('SIZE')}\nC! 2`],
    ['rcpt', `${hello('SIZE')}\nC! 2\nS: 250 ok`],
    ['data', `${hello('SIZE')}\nC! 2\nS: 250 ok\nS: 250 ok\nC: DATA`],
  ];

  test.each(stages)(
    '421 and a hang-up at %s: the words are told, and nothing follows',
    async (stage, script, client = {}) => {
      const error = await dialogue(`${script}\nS: 421-4.3.2 going\nS: 421 4.3.2 down\n*: end`, {}, (port) =>
        failureOf(sendTo(port, letter(), { client })),
      );
      expect(error).toMatchObject({ stage, retryable: true, connectionUsable: false, delivery: 'not-sent' });
      expect(error).toMatchObject({ reply: { code: 421, enhanced: '4.3.2', text: 'going down' } });
    },
  );

  test.each(stages)('a hang-up without a word at %s', async (stage, script, client = {}) => {
    // A reset instead of a greeting may be noticed while connecting.
    for (const event of stage === 'greeting' ? ['close'] : ['close', 'reset']) {
      const error = await dialogue(`${script}\n*: ${event}`, {}, (port) =>
        failureOf(sendTo(port, letter(), { client })),
      );
      expect(error).toMatchObject({ code: 'ECONNECT', stage, retryable: true, delivery: 'not-sent' });
    }
  });

  test('unasked between two messages: the first stays sent, the second is not', async () => {
    const error = await dialogue(
      `${upToText}\n${TEXT}\nS: 250 queued\nS: 421 4.3.2 enough for today\n*: end`,
      {},
      async (port) => {
        await using client = await connect(port);
        expect((await client.send(ENVELOPE, letter())).reply.text).toBe('queued');
        return await failureOf(client.send(ENVELOPE, letter()));
      },
    );
    expect(error).toMatchObject({ stage: 'mail', retryable: true, reply: { code: 421 } });
    expect(String(error)).toContain('ended the session');
  });

  test('EHLO is followed by HELO where it is not known, and never after 421', async () => {
    for (const code of [500, 502])
      await dialogue(`S: 220 mx\nC: EHLO me\nS: ${code} what?\nC: HELO me\nS: 250 mx${BYE}`, {}, (port) =>
        connect(port).then((client) => client.quit()),
      );
    for (const code of [421, 451, 504, 550, 554])
      await dialogue(`S: 220 mx\nC: EHLO me\nS: ${code} no\n*: end`, {}, (port) => failureOf(connect(port)));
  });

  test.each([
    ['452 4.3.1 full', true],
    ['552 5.3.4 too big', false],
    ['421 4.3.2 bye', true],
  ])('%s while the text goes out stops it', async (reply, retryable) => {
    const error = await dialogue(`${upToText}\nC! 10\nS: ${reply}\n*: silence`, {}, (port) =>
      failureOf(sendTo(port, endless())),
    );
    expect(error).toMatchObject({ retryable, delivery: 'not-sent', connectionUsable: false });
    expect(String(error)).toContain(reply);
  });

  test('... at once, from a server that has stopped reading', async () => {
    for (const pieces of [['552 5.3.4 too big\r\n'], ['55', '2 5.3.4 too', ' big\r\n']]) {
      await using server = await deafAfterData((socket) => {
        for (const [index, piece] of pieces.entries()) setTimeout(() => socket.write(piece), 30 + index * 10);
      });
      // The limit is never reached: the wait to write on ends with the answer.
      const error = await failureOf(sendTo(server.port, endless(), { client: { idleTimeoutMs: 600_000 } }));
      expect(error).toMatchObject({ reply: { code: 552 }, delivery: 'not-sent' });
    }
  });

  test('... and outranks the broken pipe', async () => {
    await using server = await deafAfterData((socket) => {
      setTimeout(() => socket.write('421 4.3.2 bye\r\n', () => socket.resetAndDestroy()), 30);
    });
    const error = await failureOf(sendTo(server.port, endless()));
    expect(error).toMatchObject({ reply: { code: 421 }, delivery: 'not-sent' });
  });
});

describe('trap 15: stopping midway', () => {
  const cut = async (message: Parameters<typeof sendTo>[1], client: Partial<SmtpOptions> = {}) =>
    dialogue(`${upToText}\n*: end`, {}, (port) => failureOf(sendTo(port, message, { client })));

  test('a source that fails leaves no dot behind', async () => {
    async function* failing() {
      yield Buffer.from('Subject: half\r\n');
      throw new Error('the disk is gone');
    }
    expect(String(await cut(failing()))).toContain('the disk is gone');
  });

  test.each([
    ['shorter', 9],
    ['longer', 11],
  ])('an attachment that is %s than it was leaves no dot behind', async (_, octets) => {
    const attachment = { filename: 'a.txt', size: 10, open: () => letter('x'.repeat(octets)) };
    await using server = await smtpServer();
    const error = await failureOf(sendTo(server.port, await compose(draft({ attachments: [attachment] }))));
    expect(error).toMatchObject({ code: 'EDATA' });
    expect(server.lines).toContain('DATA');
    expect(server.lines).not.toContain('.');
  });

  test('a signal leaves no dot behind, and no QUIT in the text', async () => {
    const stop = new AbortController();
    async function* stopped() {
      yield Buffer.from('Subject: half\r\n');
      stop.abort();
      yield Buffer.from('hi\r\n');
    }
    expect(await cut(stopped(), { signal: stop.signal })).toMatchObject({ code: 'EINTERRUPTED' });
  });

  test('a server that does not read is not written to without end', async () => {
    await using server = await deafAfterData(() => undefined);
    let pulled = 0;
    async function* counted() {
      for await (const chunk of endless()) {
        pulled += chunk.length;
        yield chunk;
      }
    }
    const error = await failureOf(sendTo(server.port, counted(), { client: { idleTimeoutMs: 300 } }));
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'data', delivery: 'not-sent' });
    expect(pulled).toBeLessThan(20_000_000);
  });
});

describe('a signal where QUIT may be said', () => {
  /** Aborts as soon as the transcript shows this. */
  const stoppedAt = (seen: string, more: Partial<SmtpOptions> = {}) => {
    const stop = new AbortController();
    const transcript = new Transcript(
      ({ text }) => text.startsWith(seen) && setImmediate(() => stop.abort()),
    );
    return { ...more, signal: stop.signal, transcript };
  };

  test.each([
    ['between two commands', `${opening()}\nC: QUIT`, '250 PIPELINING'],
    ['in a group', `${opening()}\nC! 2\nC: QUIT`, 'RCPT'],
    ['after DATA: not, it would be text', `${opening()}${TRANSACTION.replace('S: 354 go on', '')}`, 'DATA'],
    ['with a command due and no PIPELINING: not', 'S: 220 mx\nC: EHLO me\nS: 250 mx\nC! 1', 'MAIL'],
    ['before the answer to EHLO: not', 'S: 220 mx\nC: EHLO me', 'EHLO'],
  ])('%s', async (_, script, seen) => {
    for (const security of ['none', 'implicit'] as const) {
      const error = await dialogue(
        `${security === 'implicit' ? '*: tls' : ''}\n${script}\n*: end`,
        { certificate },
        async (port) => {
          const options = stoppedAt(seen, { security, tls: { ca: certificate.cert } });
          return failureOf(
            connect(port, options).then(async (client) => {
              if (seen.startsWith('250') && !options.signal.aborted) await once(options.signal, 'abort');
              return client.send(ENVELOPE, letter());
            }),
          );
        },
      );
      expect(error).toMatchObject({ code: 'EINTERRUPTED', delivery: 'not-sent' });
    }
  });
});
