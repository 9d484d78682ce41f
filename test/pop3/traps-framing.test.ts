import { beforeAll, describe, expect, test } from 'vitest';
import { Pop3Client } from '../../src/pop3/index.ts';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { collect, FEEDS } from '../feeds.ts';
import { BYE, failureOf, loggedIn, options, outcomes, session } from './scripts.ts';

let certificate: TestCertificate;
beforeAll(async () => {
  certificate = await certificateFor();
});

describe.each(FEEDS)('trap 1: the end and the stuffing over chunk borders, $name', ({ size }) => {
  test('a dot may be the first octet of a chunk, and a status may come with text', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      C: RETR 3
      S: +OK
      S: ..
      S: ...
      S: a.
      S: .
      S: +OK
      S:
      S: ..b
      S:
      S: .
      S: +OK
      S: .
      ${BYE}`,
      Number.isFinite(size) ? { chunk: size } : {},
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2, 3]))),
    );
    expect(seen).toEqual([
      [1, '.\r\n..\r\na.\r\n'],
      [2, '\r\n.b\r\n\r\n'],
      [3, ''],
    ]);
  });
});

describe.each(FEEDS)('trap 2: dots that nobody stuffed, $name', ({ size }) => {
  test('.x is text, also before and behind what looks like an end; none of it is deleted or quit for', async () => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: .foo
      S- .\\rx\\r\\n
      S: . 
      S: .bar
      S: .
      S: +OK
      S: two
      S: .
      ${BYE}`,
      Number.isFinite(size) ? { chunk: size } : {},
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, '.foo\r\n.\rx\r\n. \r\n.bar\r\n'],
      [2, 'two\r\n'],
    ]);
  });
});

describe('trap 3: the end of the connection is never the end of a message', () => {
  const half = 'C: RETR 1\nS: +OK\nS: a whole line';
  test.each([
    ['closed', `${half}\n*: close`, 'ECONNECT'],
    ['closed behind a dot without its line end', `${half}\nS- .\n*: close`, 'ECONNECT'],
    ['closed behind a dot and a CR', `${half}\nS- .\\r\n*: close`, 'ECONNECT'],
    ['closed behind a dot and a LF', `${half}\nS- .\\n\n*: close`, 'ECONNECT'],
    ['cut', `${half}\n*: reset`, 'ECONNECT'],
    ['silent', `${half}\n*: silence`, 'ETIMEOUT'],
  ])('%s: a failure that can be tried again, and nothing more is asked for', async (_, script, code) => {
    for (const security of ['none', 'implicit'] as const) {
      // Over TLS without a word of it: the socket ends where close_notify should be.
      const error = await dialogue(
        `${security === 'implicit' ? '*: tls' : ''}\n${loggedIn()}\n${script}`,
        { certificate },
        async (port) => {
          const client = await Pop3Client.connect(
            options(port, { security, tls: { ca: certificate.cert }, idleTimeoutMs: 300 }),
          );
          const failure = await failureOf(collect(client.retr(1)));
          await expect(client.dele(1)).rejects.toThrow();
          return failure;
        },
      );
      expect(error).toMatchObject({ code, stage: 'retr', retryable: true, delivery: 'not-sent' });
    }
  });
});

describe('trap 4: lines of every kind', () => {
  const odd = 'a\\nb\\rc\\r\\r\\n\\0\\xff';
  const oddOctets = 'a\nb\rc\r\r\n\0\xff';

  test.each(FEEDS)('bare LF, bare CR, CR CR LF, NUL and 8-bit stay as they are, $name', async ({ size }) => {
    const seen = await dialogue(
      `${loggedIn()}
      C: RETR 1
      S: +OK
      S- ${odd}\\r\\n.\\r\\n
      ${BYE}`,
      Number.isFinite(size) ? { chunk: size } : {},
      (port) => session(options(port), (client) => outcomes(client.retrs([1]))),
    );
    expect(seen).toEqual([[1, `${oddOctets}\r\n`]]);
  });

  test('a line of a megabyte is text like any other; a status of that length is none', async () => {
    const long = 'x'.repeat(1_000_000);
    const seen = await dialogue(`${loggedIn()}\nC: RETR 1\nS: +OK\nS: ${long}\nS: .\n${BYE}`, {}, (port) =>
      session(options(port), (client) => outcomes(client.retrs([1]))),
    );
    expect(seen[0]?.[1]).toHaveLength(long.length + 2);
    const error = await dialogue(`${loggedIn()}\nC: RETR 1\nS: +OK ${long}\n*: silence`, {}, (port) =>
      failureOf(session(options(port), (client) => collect(client.retr(1)))),
    );
    expect(error).toMatchObject({ code: 'EPROTO' });
  });

  test.each(['.\\n', '.\\r\\n'])('a server of LF alone ends a message by %j', async (end) => {
    const seen = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      S- +OK\\none\\n..\\n${end}+OK\\ntwo\\n${end}
      ${BYE}`,
      { ending: '\n' },
      (port) => session(options(port), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, 'one\n.\n'],
      [2, 'two\n'],
    ]);
  });

  test.each([
    ['.\\n', ''],
    ['.\\n', 'PIPELINING'],
    ['.\\r\\n', ''],
    ['.\\r\\n', 'PIPELINING'],
  ])(
    'one that greets with CRLF and ends a message by LF %j is waited for, and told why (%s)',
    async (end, more) => {
      const asks = more === '' ? 'C: RETR 1' : 'C: RETR 1\nC: RETR 2';
      for (const chunk of [1, 2, 3, 100]) {
        const error = await dialogue(
          `${loggedIn('TOP', more)}
        ${asks}
        S: +OK
        S- one\\ntwo\\n${end}
        *: silence`,
          { chunk },
          (port) =>
            failureOf(
              session(options(port, { idleTimeoutMs: 200 }), (client) => outcomes(client.retrs([1, 2]))),
            ),
        );
        expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'retr', retryable: true });
        expect(error['hint']).toContain('LF alone');
      }
    },
  );

  test('a server that just falls silent is not accused of it', async () => {
    for (const text of ['one\\r\\n', 'one\\n', 'one\\r\\n.\\n', 'one\\r\\n.']) {
      const error = await dialogue(`${loggedIn()}\nC: RETR 1\nS: +OK\nS- ${text}\n*: silence`, {}, (port) =>
        failureOf(session(options(port, { idleTimeoutMs: 100 }), (client) => collect(client.retr(1)))),
      );
      expect(error).toMatchObject({ code: 'ETIMEOUT', hint: undefined });
    }
  });
});
