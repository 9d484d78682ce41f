import { describe, expect, test } from 'vitest';
import { Pop3Client } from '../../src/pop3/index.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, failureOf, loggedIn, options, outcomes, session } from './scripts.ts';

const uidl = (...ids: string[]) =>
  ['C: UIDL', 'S: +OK', ...ids.map((id, index) => `S: ${index + 1} ${id}`), 'S: .'].join('\n');

/** The second answer has lost its status, as from a server that mixes up what it was asked. */
const outOfStep = (command: string) => `${loggedIn('PIPELINING', 'UIDL')}
  ${uidl('a', 'b', 'c')}
  C: ${command} 1
  C: ${command} 2
  C: ${command} 3
  S: +OK
  S: one
  S: .
  S: here is two
  *: end`;

const oneByOne = (...ids: string[]) => `${loggedIn('PIPELINING', 'UIDL')}
  ${uidl(...ids)}
  C: RETR 2
  S: +OK
  S: two
  S: .
  C: RETR 3
  S: -ERR gone
  ${BYE}`;

describe('a server that announces PIPELINING and gets out of step', () => {
  test('is asked again on a new connection, one at a time, from where it went wrong', async () => {
    const seen = await dialogue([outOfStep('RETR'), oneByOne('a', 'b', 'c')], {}, (port) =>
      session(options(port), async (client) => {
        await client.uidl();
        const all = await outcomes(client.retrs([1, 2, 3]));
        expect(client.fallback?.message).toContain('here is two');
        return all;
      }),
    );
    expect(seen).toEqual([
      [1, 'one\r\n'],
      [2, 'two\r\n'],
      [3, '! the server refused RETR 3: -ERR gone'],
    ]);
  });

  test.each([
    ['the numbers mean other messages now', ['b', 'c', 'd']],
    ['one of them is gone', ['a', 'b']],
  ])('is not, where %s', async (_, ids) => {
    const second = `${loggedIn('PIPELINING', 'UIDL')}\n${uidl(...ids)}\n*: end`;
    const error = await dialogue([outOfStep('RETR'), second], {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      await client.uidl();
      return failureOf(outcomes(client.retrs([1, 2, 3])));
    });
    expect(error).toMatchObject({ code: 'EPROTO', stage: 'retr', retryable: true });
    expect(error['hint']).toContain('--pipelining off');
  });

  test('is not, where the server does not let us in again: its mistake is what is told', async () => {
    const busy = 'S: -ERR [LOGIN-DELAY] not yet\n*: end';
    const error = await dialogue([outOfStep('RETR'), busy], {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      await client.uidl();
      return failureOf(outcomes(client.retrs([1, 2, 3])));
    });
    expect(error).toMatchObject({ code: 'EPROTO' });
  });

  test.each(['on', undefined] as const)(
    'is not, with %s and no unique-ids to tell the messages by',
    async (pipelining) => {
      const script = outOfStep('RETR').replace(uidl('a', 'b', 'c'), '');
      const error = await dialogue(script, {}, async (port) =>
        failureOf(outcomes((await Pop3Client.connect(options(port, { pipelining }))).retrs([1, 2, 3]))),
      );
      expect(error).toMatchObject({ code: 'EPROTO' });
    },
  );

  test('with marks on the first connection it is not: they are lost, and nothing is deleted', async () => {
    const script = outOfStep('RETR').replace('C: RETR 1', 'C: DELE 9\nS: +OK\nC: RETR 1');
    const error = await dialogue(script, {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      await client.uidl();
      await client.dele(9);
      return failureOf(outcomes(client.retrs([1, 2, 3])));
    });
    expect(error).toMatchObject({ code: 'EPROTO', delivery: 'not-sent' });
  });

  test('marks that were all set by this call are set again, one at a time', async () => {
    const first = `${loggedIn('PIPELINING', 'UIDL')}
      ${uidl('a', 'b')}
      C: DELE 1
      C: DELE 2
      S: +OK
      S: deleted, too
      *: end`;
    const second = `${loggedIn('PIPELINING', 'UIDL')}
      ${uidl('a', 'b')}
      C: DELE 1
      S: +OK
      C: DELE 2
      S: -ERR locked
      ${BYE}`;
    const refused = await dialogue([first, second], {}, (port) =>
      session(options(port), async (client) => {
        await client.uidl();
        return client.deles([1, 2]);
      }),
    );
    expect([...refused.keys()]).toEqual([2]);
  });

  test('a half message is never taken up again', async () => {
    const first = `${loggedIn('PIPELINING', 'UIDL')}
      ${uidl('a', 'b')}
      C: RETR 1
      C: RETR 2
      S: +OK
      S: half of
      *: close`;
    const error = await dialogue(first, {}, async (port) => {
      const client = await Pop3Client.connect(options(port));
      await client.uidl();
      return failureOf(outcomes(client.retrs([1, 2])));
    });
    expect(error).toMatchObject({ code: 'ECONNECT', stage: 'retr' });
  });

  test('one that forgets all commands but the first is told by its silence', async () => {
    const script = `${loggedIn('PIPELINING')}
      C: RETR 1
      C: RETR 2
      C: RETR 3
      S: +OK
      S: .
      *: silence`;
    const error = await dialogue(script, {}, async (port) =>
      failureOf(outcomes((await Pop3Client.connect(options(port, { idleTimeoutMs: 100 }))).retrs([1, 2, 3]))),
    );
    expect(error).toMatchObject({ code: 'ETIMEOUT', stage: 'retr', retryable: true });
    expect(error['hint']).toContain('--pipelining off');
  });
});

describe('where it is asked for', () => {
  test('`on` pipelines on a server that does not announce it', async () => {
    const seen = await dialogue(
      `${loggedIn()}\nC: RETR 1\nC: RETR 2\nS: +OK\nS: .\nS: -ERR no\n${BYE}`,
      {},
      (port) => session(options(port, { pipelining: 'on' }), (client) => outcomes(client.retrs([1, 2]))),
    );
    expect(seen).toEqual([
      [1, ''],
      [2, '! the server refused RETR 2: -ERR no'],
    ]);
  });
});

describe('a read-only session', () => {
  test('never sends DELE, however it is asked for', async () => {
    await dialogue(`${loggedIn('PIPELINING')}\nC: NOOP\nS: +OK\n${BYE}`, {}, (port) =>
      session(options(port, { readOnly: true }), async (client) => {
        for (const attempt of [
          () => client.dele(1),
          () => client.deles([1, 2]),
          () => client.raw('DELE 1'),
          () => client.raw(' dele 1'),
        ]) {
          const error = await failureOf(attempt());
          expect(error).toMatchObject({ code: 'EUSAGE', stage: 'dele', connectionUsable: true });
          expect(error.message).toContain('read-only');
        }
        expect(client.marked).toBe(false);
        await client.noop();
      }),
    );
  });
});
