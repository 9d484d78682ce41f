import { describe, expect, test } from 'vitest';
import { dialogue } from '../dialogue.ts';
import { against, BYE, maildrop, settings, several, tops } from './maildrop.ts';
import { mailtool } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';

const header = (number: number) => `S: Subject: number ${number}`;
const marks = (...numbers: number[]) =>
  [...numbers.map((number) => `C: DELE ${number}`), ...numbers.map(() => 'S: +OK')].join('\n');

describe('dele', () => {
  test('says what it took, after the server has confirmed it', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(3))}\n${tops([2, 1], header)}\n${marks(2, 1)}\n${BYE}`,
      ['dele', 'uid:uid-2', '1'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('deleted 2 uid:uid-2 (100 B) number 2\ndeleted 1 uid:uid-1 (100 B) number 1\n');
  });

  test('--json', async () => {
    const { stdout } = await against(`${maildrop(several(1))}\n${tops([1], header)}\n${marks(1)}\n${BYE}`, [
      'dele',
      '1',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toEqual({
      schema: 'mailtool.dele/1',
      ok: true,
      committed: true,
      deleted: [{ number: 1, uid: 'uid-1', size: 100, subject: 'number 1' }],
      warnings: [],
      error: null,
    });
  });

  test.each([['9'], ['uid:none'], ['uid:uid']])(
    'one that is not there (%s): nothing is marked at all',
    async (bad) => {
      const { code, stdout } = await against(`${maildrop(several(3))}\n*: end`, ['dele', '1', bad, '2']);
      expect({ code, stdout }).toEqual({ code: 66, stdout: '' });
    },
  );

  test('the beginning of a unique-id is not enough', async () => {
    const { code, stderr } = await against(`${maildrop([{ uid: 'abcdef' }])}\n*: end`, ['dele', 'uid:abc']);
    expect(code).toBe(66);
    expect(stderr).toContain('uid:abcdef');
  });

  test('one that the server refuses: all marks are taken back', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(3))}
      ${tops([1, 2, 3], header)}
      C: DELE 1
      C: DELE 2
      C: DELE 3
      S: +OK
      S: -ERR message 2 is locked
      S: +OK
      C: RSET
      S: +OK
      ${BYE}`,
      ['dele', '1', '2', '3', '--json'],
    );
    expect(code, stderr).toBe(66);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      committed: false,
      deleted: [],
      error: { stage: 'dele' },
    });
    expect(stderr).toContain('nothing was deleted, because message 2 cannot be');
  });

  test.each([
    ['*: close', 'the server closed the connection'],
    ['S: -ERR some deleted messages not removed', 'not removed'],
  ])('QUIT answered by %s: nobody knows', async (answer, words) => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(1))}\n${tops([1], header)}\n${marks(1)}\nC: QUIT\n${answer}`,
      ['dele', '1', '--json'],
    );
    expect(code).toBe(79);
    expect(stderr).toContain(words);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      committed: null,
      deleted: [{ number: 1, uid: 'uid-1' }],
      error: { code: 'EUNCERTAIN', exit: 79, stage: 'quit', retryable: false },
    });
  });

  test('and is not said to be done', async () => {
    const { stdout } = await against(
      `${maildrop(several(1))}\n${tops([1], header)}\n${marks(1)}\nC: QUIT\n*: close`,
      ['dele', '1'],
    );
    expect(stdout).toBe('');
  });

  test('a connection that breaks before QUIT has deleted nothing', async () => {
    const { code } = await against(
      `${maildrop(several(2))}\n${tops([1, 2], header)}\nC: DELE 1\nC: DELE 2\nS: +OK\n*: close`,
      ['dele', '1', '2'],
    );
    expect(code).toBe(75);
  });

  test('--dry-run marks nothing', async () => {
    const { code, stdout } = await against(`${maildrop(several(2))}\n${tops([1, 2], header)}\n${BYE}`, [
      'dele',
      'all',
      '--dry-run',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      'would delete 1 uid:uid-1 (100 B) number 1\nwould delete 2 uid:uid-2 (100 B) number 2\n',
    );
  });

  test.each([['all'], ['1-2'], ['2-'], ['last'], ['last:2'], ['first:1']])(
    '%s needs -y where nobody can be asked',
    async (word) => {
      const ran = await mailtool(['dele', word], { env: settings(1) });
      expect(ran.code).toBe(64);
      expect(ran.stderr).toContain('-y');
      expect((await against(`${maildrop(several(2))}\n*: bytes\n*: close`, ['dele', word, '-y'])).code).toBe(
        75,
      );
    },
  );

  test('a server without TOP has no subjects', async () => {
    const { code, stdout } = await against(
      `${maildrop(several(1), { capabilities: ['UIDL'] })}
      C: TOP 1 0
      S: -ERR unknown
      C: DELE 1
      S: +OK
      ${BYE}`,
      ['dele', '1'],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'deleted 1 uid:uid-1 (100 B)\n' });
  });

  test('an empty maildrop has nothing to delete', async () => {
    const { code, stdout } = await against(`${maildrop([])}\n${BYE}`, ['dele', 'all', '-y', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, committed: false, deleted: [] });
  });
});

describe('on a terminal', () => {
  const server = `${maildrop(several(2))}\n${tops([1, 2], (n) => `S: Subject: \\x1b[31m${n}`)}`;

  test.each(['y\n', 'YES\n'])('%j deletes', async (input) => {
    const { code, screen } = await dialogue(`${server}\n${marks(1, 2)}\n${BYE}`, {}, (port) =>
      onTerminal(['dele', 'all'], { env: settings(port), input }),
    );
    expect(code).toBe(0);
    expect(screen).toContain('Delete these 2 messages (200 B)? [y/N]');
    expect(screen).toContain('deleted 2 uid:uid-2');
    expect(screen).toContain('^[[31m');
    expect(screen).not.toContain('\u001b');
  });

  test.each(['n\n', '\n', 'yesterday\n'])('%j does not', async (input) => {
    const { code, screen } = await dialogue(`${server}\n${BYE}`, {}, (port) =>
      onTerminal(['dele', 'all'], { env: settings(port), input }),
    );
    expect(code).toBe(1);
    expect(screen).toContain('nothing was deleted');
  });
});
