import { describe, expect, test } from 'vitest';
import { ProtocolError, RejectedError, UnsupportedError, UsageError } from '../../src/errors.ts';
import { Transcript } from '../../src/net/transcript.ts';
import { Pop3Client } from '../../src/pop3/index.ts';
import { dialogue } from '../dialogue.ts';
import { collect, FEEDS } from '../feeds.ts';
import { BYE, failureOf, loggedIn, options, outcomes, session } from './scripts.ts';

const text = async (source: AsyncIterable<Uint8Array>) => (await collect(source)).toString('latin1');

describe.each(FEEDS)('a server that sends $name', ({ size }) => {
  const served = Number.isFinite(size) ? { chunk: size } : {};

  test('the dialogue of RFC 1939 10, with every command', async () => {
    const seen = await dialogue(
      `${loggedIn('TOP', 'UIDL')}
      C: STAT
      S: +OK 2 320
      C: LIST
      S: +OK 2 messages (320 octets)
      S: 1 120
      S: 2 200
      S: .
      C: UIDL
      S: +OK
      S: 1 whqtswO00WBw418f9t5JxYwZ
      S: 2 QhdPYR:00WBw1Ph7x7
      S: .
      C: TOP 1 0
      S: +OK top follows
      S: Subject: one
      S:
      S: .
      C: RETR 1
      S: +OK 120 octets
      S: Subject: one
      S:
      S: ..a dot, and
      S: ...two
      S: .x unstuffed
      S: ..
      S: .
      C: DELE 1
      S: +OK message 1 deleted
      C: RSET
      S: +OK
      C: NOOP
      S: +OK
      C: DELE 2
      S: +OK
      ${BYE}`,
      served,
      (port) =>
        session(options(port), async (client) => {
          const results = [
            await client.stat(),
            await client.list(),
            await client.uidl(),
            await text(client.top(1, 0)),
            await text(client.retr(1)),
          ];
          await client.dele(1);
          expect(client.marked).toBe(true);
          await client.rset();
          expect(client.marked).toBe(false);
          await client.noop();
          await client.dele(2);
          return results;
        }),
    );
    expect(seen).toEqual([
      { messages: 2, size: 320 },
      [
        { number: 1, size: 120 },
        { number: 2, size: 200 },
      ],
      [
        { number: 1, uniqueId: 'whqtswO00WBw418f9t5JxYwZ' },
        { number: 2, uniqueId: 'QhdPYR:00WBw1Ph7x7' },
      ],
      'Subject: one\r\n\r\n',
      'Subject: one\r\n\r\n.a dot, and\r\n..two\r\n.x unstuffed\r\n.\r\n',
    ]);
  });

  test('empty answers', async () => {
    const seen = await dialogue(
      `${loggedIn()}
      C: STAT
      S: +OK 0 0
      C: LIST
      S: +OK
      S: .
      C: RETR 1
      S: +OK
      S: .
      ${BYE}`,
      served,
      (port) =>
        session(options(port), async (client) => [
          await client.stat(),
          await client.list(),
          await text(client.retr(1)),
        ]),
    );
    expect(seen).toEqual([{ messages: 0, size: 0 }, [], '']);
  });

  test('a window of RETRs: a refusal in the middle belongs to its own number', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 3
      C: RETR 1
      C: RETR 9
      C: RETR 2
      S: +OK
      S: three
      S: .
      S: +OK
      S: ..one
      S: .
      S: -ERR [SYS/TEMP] not now
      S: +OK
      S: .
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => outcomes(client.retrs([3, 1, 9, 2]))),
    );
    expect(seen).toEqual([
      [3, 'three\r\n'],
      [1, '.one\r\n'],
      [9, '! the server refused RETR 9: -ERR [SYS/TEMP] not now'],
      [2, ''],
    ]);
  });

  test('octets of all kinds stay as they are', async () => {
    const line = `\x00\xff\x80 a lone \r here, ${'x'.repeat(5000)}`;
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S- \\0\\xff\\x80 a lone \\r here, ${'x'.repeat(5000)}\\r\\n.\\r\\n
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => text(client.retr(1))),
    );
    expect(seen).toBe(`${line}\r\n`);
  });

  test('a bare LF . LF is text on a server that speaks CRLF', async () => {
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S- one\\n.\\ntwo\\r\\n.\\r\\n
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => text(client.retr(1))),
    );
    expect(seen).toBe('one\n.\ntwo\r\n');
  });

  test('a server that ends its lines with LF alone', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: one
      S: ..
      S: .
      S: +OK
      S: two
      S: .
      ${BYE}`,
      { ...served, ending: '\n' },
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, 'one\n.\n'],
      [2, 'two\n'],
    ]);
  });
});

describe('the window', () => {
  test('without PIPELINING one command waits for the other', async () => {
    const seen = await dialogue(
      `${loggedIn()}
      C: TOP 1 0
      S: +OK
      S: a
      S: .
      C: TOP 2 0
      S: -ERR
      C: TOP 3 0
      S: +OK
      S: c
      S: .
      ${BYE}`,
      {},
      (port) => session(options(port), (client) => outcomes(client.tops([1, 2, 3], 0))),
    );
    expect(seen.map(([number]) => number)).toEqual([1, 2, 3]);
  });

  test('it is off where that is asked for', async () => {
    await dialogue(
      `${loggedIn('PIPELINING')}
      C: DELE 1
      S: +OK
      C: DELE 2
      S: +OK
      ${BYE}`,
      {},
      (port) => session(options(port, { pipelining: 'off' }), (client) => client.deles([1, 2])),
    );
  });

  const numbered = (count: number, first = 1) => Array.from({ length: count }, (_, index) => first + index);
  const asks = (line: (number: number) => string, numbers: readonly number[]) =>
    numbers.map((number) => `C: ${line(number)}`).join('\n');
  const message = 'S: +OK\nS: .\n';
  /** Counts, from the transcript, how many commands of that verb wait for their statuses at the most. */
  const watched = (verb: string) => {
    let underWay = 0;
    const seen = { most: 0 };
    const transcript = new Transcript(({ direction, text: line }) => {
      if (direction === 'C' && line.startsWith(`${verb} `)) underWay++;
      if (direction === 'S' && underWay > 0 && /^(?:\+OK|-ERR)/.test(line)) underWay--;
      seen.most = Math.max(seen.most, underWay);
    });
    return { seen, transcript };
  };

  test('at most 64 RETRs are under way, refilled at the half', async () => {
    const numbers = numbered(100);
    const retr = (from: number, to: number) =>
      asks((number) => `RETR ${number}`, numbers.slice(from - 1, to));
    const { seen: window, transcript } = watched('RETR');
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      ${retr(1, 64)}
      ${message.repeat(32)}
      ${retr(65, 96)}
      ${message.repeat(32)}
      ${retr(97, 100)}
      ${message.repeat(35)}
      S: -ERR gone
      ${BYE}`,
      {},
      (port) => session(options(port, { transcript }), (client) => outcomes(client.retrs(numbers))),
    );
    expect(window.most).toBe(64);
    expect(seen.filter(([, what]) => what !== '')).toEqual([
      [100, '! the server refused RETR 100: -ERR gone'],
    ]);
  });

  test('many more TOPs and DELEs, whose lines are all there is to keep', async () => {
    const numbers = numbered(1_200);
    const dele = (from: number, to: number) =>
      asks((number) => `DELE ${number}`, numbers.slice(from - 1, to));
    const { seen: window, transcript } = watched('DELE');
    const refused = await dialogue(
      `${loggedIn('PIPELINING')}
      ${dele(1, 1000)}
      ${'S: +OK\n'.repeat(500)}
      ${dele(1001, 1200)}
      ${'S: +OK\n'.repeat(699)}
      S: -ERR already gone
      ${BYE}`,
      {},
      (port) => session(options(port, { transcript }), (client) => client.deles(numbers)),
    );
    expect(window.most).toBe(1000);
    expect([...refused.keys()]).toEqual([1200]);
    expect(refused.get(1200)).toBeInstanceOf(RejectedError);
  });

  test('16 KB of commands are the most, however many that makes: no buffer on the way is smaller', async () => {
    const numbers = numbered(800, 100_000_000_000_001);
    const top = (from: number, to: number) =>
      asks((number) => `TOP ${number} 0`, numbers.slice(from - 1, to));
    const most = Math.ceil(16_384 / `TOP ${numbers[0]} 0\r\n`.length);
    const { seen: window, transcript } = watched('TOP');
    await dialogue(
      `${loggedIn('PIPELINING')}
      ${top(1, most)}
      ${message.repeat(most - 356)}
      ${top(most + 1, 800)}
      ${message.repeat(356 + 800 - most)}
      ${BYE}`,
      {},
      (port) => session(options(port, { transcript }), (client) => outcomes(client.tops(numbers, 0))),
    );
    expect(window.most).toBe(most);
  });

  test('messages that are not read are passed over', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: first
      S: .
      S: +OK
      S: second
      S: .
      ${BYE}`,
      {},
      (port) =>
        session(options(port), async (client) => {
          const numbers = [];
          for await (const { number } of client.retrs([1, 2])) numbers.push(number);
          return numbers;
        }),
    );
    expect(seen).toEqual([1, 2]);
  });

  test('whoever leaves it early has closed the connection', async () => {
    await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: first
      S: .
      *: end`,
      {},
      async (port) => {
        const client = await Pop3Client.connect(options(port));
        for await (const { bytes } of client.retrs([1, 2])) {
          if (bytes !== undefined) await collect(bytes);
          break;
        }
        await expect(client.noop()).rejects.toThrow(/still to be read|closed/);
      },
    );
  });

  test('no other command gets between', async () => {
    await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: first
      S: .
      S: +OK
      S: second
      S: .
      ${BYE}`,
      {},
      (port) =>
        session(options(port), async (client) => {
          for await (const { number, bytes } of client.retrs([1, 2])) {
            await expect(client.stat()).rejects.toThrow(UsageError); // the message is not read yet
            if (bytes !== undefined) await collect(bytes);
            if (number === 1) await expect(client.dele(1)).rejects.toThrow(UsageError); // 2 is due
          }
        }),
    );
  });
});

describe('RETR', () => {
  test('a message that is left in the middle closes the connection', async () => {
    await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S: the first of many lines
      *: end`,
      {},
      async (port) => {
        const client = await Pop3Client.connect(options(port));
        for await (const _ of client.retr(1)) break;
        await expect(client.noop()).rejects.toThrow('the connection has been closed');
      },
    );
  });

  test('nothing is asked for before the first octet is', async () => {
    await dialogue(`${loggedIn()}${BYE}`, {}, (port) =>
      session(options(port), async (client) => {
        client.retr(1);
        client.retrs([1, 2]);
      }),
    );
  });

  test('a refusal leaves the session as it was', async () => {
    const error = await dialogue(
      `${loggedIn()}
      C: RETR 7
      S: -ERR no such message
      C: NOOP
      S: +OK
      ${BYE}`,
      {},
      (port) =>
        session(options(port), async (client) => {
          const failure = await failureOf(collect(client.retr(7)));
          await client.noop();
          return failure;
        }),
    );
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({
      message: 'the server refused RETR 7: -ERR no such message',
      stage: 'retr',
      retryable: false,
      connectionUsable: true,
      reply: { code: '-ERR', enhanced: null, text: 'no such message' },
    });
  });
});

describe('what a server lacks', () => {
  test.each([
    ['UIDL', (client: Pop3Client) => client.uidl()],
    ['TOP 1 0', (client: Pop3Client) => collect(client.top(1, 0))],
  ])('%s, neither announced nor known', async (command, work) => {
    const error = await dialogue(
      `${loggedIn('USER')}
      C: ${command}
      S: -ERR unknown command
      ${BYE}`,
      {},
      (port) => session(options(port), (client) => failureOf(work(client))),
    );
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ keyword: command.slice(0, 4).trim(), connectionUsable: true });
  });

  test('a refused UIDL that is announced is a refusal', async () => {
    const error = await dialogue(
      `${loggedIn('UIDL')}
      C: UIDL
      S: -ERR [SYS/TEMP] later
      ${BYE}`,
      {},
      (port) => session(options(port), (client) => failureOf(client.uidl())),
    );
    expect(error).toMatchObject({ code: 'ETEMP', stage: 'uidl', retryable: true });
  });

  test('CAPA', async () => {
    const capabilities = await dialogue(
      `
      S: +OK
      C: CAPA
      S: -ERR what?
      C: USER ann
      S: +OK
      C~ ^PASS
      S: +OK
      C: CAPA
      S: -ERR what?
      ${BYE}`,
      {},
      (port) => session(options(port), async (client) => client.capabilities),
    );
    expect(capabilities.size).toBe(0);
  });
});

describe('answers that cannot be read close the connection', () => {
  test.each([
    ['STAT', 'S: +OK many', (client: Pop3Client) => client.stat()],
    ['STAT', 'S: 250 OK', (client: Pop3Client) => client.stat()],
    ['LIST', 'S: +OK\nS: one 120\nS: .', (client: Pop3Client) => client.list()],
    ['UIDL', `S: +OK\nS: 1 ${'u'.repeat(5000)}\nS: .`, (client: Pop3Client) => client.uidl()],
  ])('%s: %.20s', async (command, answer, work) => {
    await dialogue(`${loggedIn()}\nC: ${command}\n${answer}\n*: end`, {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      const error = await failureOf(work(client));
      expect(error).toBeInstanceOf(ProtocolError);
      await expect(client.noop()).rejects.toThrow('the connection has been closed');
    });
  });

  test('a status that nothing asked for', async () => {
    await dialogue(`${loggedIn()}\nC: STAT\nS: +OK 1 1\nS: +OK 1 1\n*: end`, {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      await client.stat();
      const error = await failureOf(client.list());
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.message).toContain('nothing asked for: "+OK 1 1"');
    });
  });
});

describe('QUIT', () => {
  const marked = `${loggedIn()}\nC: DELE 1\nS: +OK\nC: QUIT\n`;

  test.each([
    ['closes', '*: close', 'the server closed the connection'],
    ['refuses', 'S: -ERR some deleted messages not removed', 'some deleted messages not removed'],
    ['is silent', '*: silence', 'timed out'],
    ['answers nonsense', 'S: 221 bye', 'not a POP3 status line'],
    ['cuts the line', 'S- +O\n*: close', 'the server closed the connection'],
  ])('after DELE, to a server that %s, leaves the outcome in doubt', async (_, answer, words) => {
    const error = await dialogue(marked + answer, {}, (port) =>
      failureOf(session(options(port, { idleTimeoutMs: 200 }), (client) => client.dele(1))),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', stage: 'quit', retryable: false });
    expect(error.message).toContain('it is not known whether the messages were deleted');
    expect(error.message).toContain(words);
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'EUNCERTAIN' });
  });

  test.each([
    ['closes', '*: close'],
    ['refuses', 'S: -ERR'],
    ['answers nonsense', 'S: 221 bye'],
  ])('without DELE, to a server that %s, is no failure', async (_, answer) => {
    await dialogue(`${loggedIn()}\nC: QUIT\n${answer}`, {}, (port) => session(options(port), async () => {}));
  });

  test('after RSET nothing is at stake', async () => {
    await dialogue(`${loggedIn()}\nC: DELE 1\nS: +OK\nC: RSET\nS: +OK\nC: QUIT\n*: close`, {}, (port) =>
      session(options(port), async (client) => {
        await client.dele(1);
        await client.rset();
      }),
    );
  });

  test('a connection that dies before it has deleted nothing', async () => {
    const error = await dialogue(`${loggedIn()}\nC: DELE 1\nS: +OK\nC: DELE 2\n*: close`, {}, (port) =>
      failureOf(
        session(options(port), async (client) => {
          await client.dele(1);
          await client.dele(2);
        }),
      ),
    );
    expect(error).toMatchObject({ delivery: 'not-sent', stage: 'dele', retryable: true });
  });

  test('`await using` takes marks back before it leaves', async () => {
    await dialogue(`${loggedIn()}\nC: DELE 1\nS: +OK\nC: RSET\nS: +OK\n${BYE}`, {}, async (port) => {
      await using client = await Pop3Client.connect(options(port));
      await client.dele(1);
    });
  });

  test('and where that is refused, leaves without QUIT', async () => {
    await dialogue(`${loggedIn()}\nC: DELE 1\nS: +OK\nC: RSET\nS: -ERR\n*: end`, {}, async (port) => {
      await using client = await Pop3Client.connect(options(port));
      await client.dele(1);
    });
  });
});
