import { describe, expect, test } from 'vitest';
import { ConnectionError, TimeoutError } from '../../src/errors.ts';
import { Pop3Client } from '../../src/pop3/index.ts';
import { dialogue } from '../dialogue.ts';
import { collect } from '../feeds.ts';
import { failureOf, loggedIn, options, PASSWORD } from './scripts.ts';

/** Every step of a session that deletes one message: what the client says, and how a good server answers. */
const STEPS = [
  { stage: 'greeting', asked: [], answer: ['S: +OK ready'] },
  { stage: 'capa', asked: ['C: CAPA'], answer: ['S: +OK', 'S: UIDL', 'S: .'] },
  { stage: 'auth', asked: ['C: USER ann'], answer: ['S: +OK'] },
  { stage: 'auth', asked: [`C: PASS ${PASSWORD}`], answer: ['S: +OK'] },
  { stage: 'capa', asked: ['C: CAPA'], answer: ['S: +OK', 'S: UIDL', 'S: .'] },
  { stage: 'stat', asked: ['C: STAT'], answer: ['S: +OK 1 10'] },
  { stage: 'list', asked: ['C: LIST'], answer: ['S: +OK', 'S: 1 10', 'S: .'] },
  { stage: 'uidl', asked: ['C: UIDL'], answer: ['S: +OK', 'S: 1 a', 'S: .'] },
  { stage: 'top', asked: ['C: TOP 1 0'], answer: ['S: +OK', 'S: text', 'S: .'] },
  { stage: 'retr', asked: ['C: RETR 1'], answer: ['S: +OK', 'S: text', 'S: .'] },
  { stage: 'dele', asked: ['C: DELE 1'], answer: ['S: +OK'] },
  { stage: 'rset', asked: ['C: RSET'], answer: ['S: +OK'] },
  { stage: 'noop', asked: ['C: NOOP'], answer: ['S: +OK'] },
];

async function everything(port: number, idleTimeoutMs: number): Promise<void> {
  const client = await Pop3Client.connect(options(port, { idleTimeoutMs }));
  try {
    await client.stat();
    await client.list();
    await client.uidl();
    await collect(client.top(1, 0));
    await collect(client.retr(1));
    await client.dele(1);
    await client.rset();
    await client.noop();
  } finally {
    client.close();
  }
}

const upTo = (index: number) => STEPS.slice(0, index).flatMap(({ asked, answer }) => [...asked, ...answer]);
const fate = (index: number, event: string) =>
  [...upTo(index), ...(STEPS[index]?.asked ?? []), event].join('\n');

describe.each(STEPS.map((step, index) => ({ ...step, index })))(
  'at step $index, $stage',
  ({ stage, index, answer }) => {
    test('a server that hangs up', async () => {
      const error = await dialogue(fate(index, '*: close'), {}, (port) => failureOf(everything(port, 2000)));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error).toMatchObject({ stage, delivery: 'not-sent', retryable: true });
      expect(error.message).toContain('the server closed the connection');
    });

    test('a server that is cut off', async () => {
      const error = await dialogue(fate(index, '*: reset'), {}, (port) => failureOf(everything(port, 2000)));
      expect(error).toBeInstanceOf(ConnectionError);
      // The reset may come before the connection is seen to be there.
      expect(error).toMatchObject({ retryable: true });
      expect(index === 0 ? ['connect', stage] : [stage]).toContain(error['stage']);
    });

    test('a server that says nothing', async () => {
      const error = await dialogue(fate(index, '*: silence'), {}, (port) => failureOf(everything(port, 100)));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ stage, retryable: true });
    });

    if (stage !== 'capa')
      test('a server that refuses', async () => {
        const script = `${fate(index, 'S: -ERR no')}\n*: end`;
        const error = await dialogue(script, {}, (port) => failureOf(everything(port, 2000)));
        expect(error).toMatchObject({ stage, delivery: 'not-sent', reply: { code: '-ERR', text: 'no' } });
      });

    if (answer.length > 1)
      test('a server that hangs up in the middle of its answer: no half of it counts', async () => {
        for (const kept of [1, 2]) {
          const script = [fate(index, answer.slice(0, kept).join('\n')), '*: close'].join('\n');
          const error = await dialogue(script, {}, (port) => failureOf(everything(port, 2000)));
          expect(error).toMatchObject({ code: 'ECONNECT', stage, retryable: true });
        }
        const script = [fate(index, [...answer.slice(0, -1), 'S- .'].join('\n')), '*: close'].join('\n');
        const error = await dialogue(script, {}, (port) => failureOf(everything(port, 2000)));
        expect(error).toMatchObject({ code: 'ECONNECT', stage });
      });

    if (answer.length > 1)
      test('a server that falls silent in the middle of its answer', async () => {
        const script = [fate(index, answer.slice(0, 2).join('\n')), '*: silence'].join('\n');
        const error = await dialogue(script, {}, (port) => failureOf(everything(port, 100)));
        expect(error).toMatchObject({ code: 'ETIMEOUT', stage });
      });
  },
);

describe('in a window', () => {
  test('what came before the connection broke is whole, what came after is a failure', async () => {
    const whole: number[] = [];
    const error = await dialogue(
      `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      C: RETR 3
      S: +OK
      S: first
      S: .
      S: +OK
      S: half of the sec
      *: close`,
      {},
      async (port) => {
        const client = await Pop3Client.connect(options(port));
        const work = async () => {
          for await (const { number, bytes } of client.retrs([1, 2, 3])) {
            if (bytes !== undefined) await collect(bytes);
            whole.push(number);
          }
        };
        return failureOf(work());
      },
    );
    expect(whole).toEqual([1]);
    expect(error).toMatchObject({ code: 'ECONNECT', stage: 'retr' });
  });
});

test('a signal ends a wait at once', async () => {
  const abort = new AbortController();
  const error = await dialogue(`${loggedIn()}\nC: RETR 1\nS: +OK\nS: half\n*: end`, {}, async (port) => {
    const client = await Pop3Client.connect(options(port, { signal: abort.signal }));
    return failureOf(
      (async () => {
        for await (const _ of client.retr(1)) abort.abort();
      })(),
    );
  });
  expect(error).toMatchObject({ code: 'EINTERRUPTED' });
});
