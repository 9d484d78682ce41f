import { describe, expect, test } from 'vitest';
import { RejectedError, UnsupportedError } from '../../src/errors.ts';
import { Pop3Client } from '../../src/pop3/index.ts';
import { dialogue } from '../dialogue.ts';
import { collect, FEEDS } from '../feeds.ts';
import { BYE, failureOf, loggedIn, options, outcomes, session } from './scripts.ts';

/** What servers are known to do wrong, and what has to come of it: the rest of the mail arrives, and none is lost. */
describe.each(FEEDS)('a faulty server that sends $name', ({ size }) => {
  const served = Number.isFinite(size) ? { chunk: size } : {};

  test.each([[[]], [['PIPELINING']]])(
    'closes in the middle of the second message (%j): one is whole, the other is none, nothing is marked',
    async (capabilities) => {
      const whole: number[] = [];
      const asks = capabilities.length > 0 ? ['C: RETR 2', ''] : ['', 'C: RETR 2'];
      const error = await dialogue(
        `${loggedIn(...capabilities)}
        C: RETR 1
        ${asks[0]}
        S: +OK
        S: first
        S: .
        ${asks[1]}
        S: +OK
        S: half of the sec
        *: close`,
        served,
        async (port) => {
          const client = await Pop3Client.connect(options(port));
          const work = async () => {
            for await (const { number, bytes } of client.retrs([1, 2])) {
              if (bytes !== undefined) await collect(bytes);
              whole.push(number);
            }
          };
          const failure = await failureOf(work());
          await expect(client.dele(1)).rejects.toThrow();
          return failure;
        },
      );
      expect(whole).toEqual([1]);
      expect(error).toMatchObject({ code: 'ECONNECT', stage: 'retr', retryable: true });
    },
  );

  test('leaves a line that begins with a dot as it is: the dot is text, and no end', async () => {
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S: .foo
      S: .
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => outcomes(client.retrs([1]))),
    );
    expect(seen).toEqual([[1, '.foo\r\n']]);
  });

  test.each(['.\\n', '.\\r\\n'])('ends its lines with LF, and its message with %j', async (end) => {
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S- +OK\\none\\n..two\\n${end}
      C: QUIT
      S: +OK
      *: end`,
      { ...served, ending: '\n' },
      (port) => session(options(port), (client) => outcomes(client.retrs([1]))),
    );
    expect(seen).toEqual([[1, 'one\n.two\n']]);
  });

  test('has a gap in its numbers', async () => {
    const seen = await dialogue(
      `${loggedIn('UIDL')}
      C: LIST
      S: +OK
      S: 3 30
      S: 1 10
      S: .
      C: UIDL
      S: +OK
      S: 1 a
      S: 3 c
      S: .
      C: RETR 1
      S: +OK
      S: one
      S: .
      C: RETR 3
      S: +OK
      S: three
      S: .
      ${BYE}`,
      served,
      (port) =>
        session(options(port), async (client) => [
          await client.list(),
          await client.uidl(),
          await outcomes(client.retrs([1, 3])),
        ]),
    );
    expect(seen).toEqual([
      [
        { number: 3, size: 30 },
        { number: 1, size: 10 },
      ],
      [
        { number: 1, uniqueId: 'a' },
        { number: 3, uniqueId: 'c' },
      ],
      [
        [1, 'one\r\n'],
        [3, 'three\r\n'],
      ],
    ]);
  });

  test('gives two messages one unique-id', async () => {
    const seen = await dialogue(
      `${loggedIn('UIDL')}\nC: UIDL\nS: +OK\nS: 1 same\nS: 2 same\nS: .\n${BYE}`,
      served,
      (port) => session(options(port), (client) => client.uidl()),
    );
    expect(seen).toEqual([
      { number: 1, uniqueId: 'same' },
      { number: 2, uniqueId: 'same' },
    ]);
  });

  test('has no UIDL: the session goes on', async () => {
    const [error, mail] = await dialogue(
      `${loggedIn()}
      C: UIDL
      S: -ERR what?
      C: RETR 1
      S: +OK
      S: one
      S: .
      ${BYE}`,
      served,
      (port) =>
        session(
          options(port),
          async (client) => [await failureOf(client.uidl()), await outcomes(client.retrs([1]))] as const,
        ),
    );
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(mail).toEqual([[1, 'one\r\n']]);
  });

  test.each(['1', '-1', '99999999999999999999', ''])(
    'says that every message has %j octets',
    async (octets) => {
      const seen = await dialogue(
        `${loggedIn()}
      C: LIST
      S: +OK
      S: 1 ${octets}
      S: .
      C: RETR 1
      S: +OK 1 octets
      S: more than that
      S: .
      ${BYE}`,
        served,
        (port) =>
          session(options(port), async (client) => {
            expect(await client.list()).toHaveLength(1);
            return outcomes(client.retrs([1]));
          }),
      );
      expect(seen).toEqual([[1, 'more than that\r\n']]);
    },
  );

  test('sends a line of 100,000 characters, and is in step after it', async () => {
    const long = 'x'.repeat(size === 1 ? 10_000 : 100_000);
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S: ${long}
      S: .
      C: RETR 2
      S: +OK
      S: two
      S: .
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, `${long}\r\n`],
      [2, 'two\r\n'],
    ]);
  });

  test('closes at QUIT: whether anything is gone is not known', async () => {
    const error = await dialogue(
      `${loggedIn()}\nC: DELE 1\nS: +OK\nC: DELE 2\nS: +OK\nC: QUIT\n*: close`,
      served,
      (port) => failureOf(session(options(port), (client) => client.deles([1, 2]))),
    );
    expect(error).toMatchObject({ delivery: 'in-doubt', stage: 'quit', retryable: false });
  });

  test.each([[[]], [['PIPELINING']]])(
    'refuses the second DELE (%j): that one, and no other',
    async (capabilities) => {
      const numbers = [1, 2, 3];
      const said = (number: number) => (number === 2 ? 'S: -ERR locked' : 'S: +OK');
      const script =
        capabilities.length > 0
          ? [...numbers.map((number) => `C: DELE ${number}`), ...numbers.map(said)]
          : numbers.flatMap((number) => [`C: DELE ${number}`, said(number)]);
      const refused = await dialogue(
        `${loggedIn(...capabilities)}\n${script.join('\n')}\n${BYE}`,
        served,
        (port) => session(options(port), (client) => client.deles(numbers)),
      );
      expect([...refused.keys()]).toEqual([2]);
      expect(refused.get(2)).toBeInstanceOf(RejectedError);
    },
  );

  test('refuses the first RETR: the second message arrives', async () => {
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: -ERR unreadable
      C: RETR 2
      S: +OK
      S: two
      S: .
      ${BYE}`,
      served,
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, '! the server refused RETR 1: -ERR unreadable'],
      [2, 'two\r\n'],
    ]);
  });
});

test('LF alone ends no message of a server that ends its lines with CRLF: it is waited for, and none', async () => {
  const error = await dialogue(
    `${loggedIn()}
    C: RETR 1
    S- +OK\\r\\none\\n.\\ntwo\\n.\\r\\n
    *: silence`,
    {},
    (port) => failureOf(session(options(port, { idleTimeoutMs: 100 }), (client) => collect(client.retr(1)))),
  );
  expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'retr', retryable: true });
});
