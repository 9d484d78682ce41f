import { describe, expect, test } from 'vitest';
import { against, BYE, maildrop, settings, several, tops } from './maildrop.ts';
import { mailtool } from './mailtool.ts';

const header = (number: number) => `S: Subject: number ${number}`;

describe('--read-only', () => {
  test.each([
    [['dele', '1', '--read-only'], {}, 'flag --read-only'],
    [['dele', '1'], { MAILTOOL_READ_ONLY: 'yes' }, 'environment MAILTOOL_READ_ONLY'],
    [['fetch', '--maildir', '/nonexistent/mail', '--delete', '--read-only'], {}, 'flag --read-only'],
    [['retr', '1', '-o', '/tmp/nowhere/', '--delete', '--read-only'], {}, 'flag --read-only'],
  ])('%j %j is refused before a server is asked', async (args, env, place) => {
    const { code, stdout, stderr } = await mailtool(args, { env: { ...settings(1), ...env } });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(`nothing may be deleted: ${place}`);
  });

  test('holds for a command that is typed, too', async () => {
    const { code } = await against(`${maildrop([], { uidl: false }).split('C: LIST')[0]}\n${BYE}`, [
      'raw',
      'pop3',
      '--login',
      '--read-only',
      '--',
      'DELE 1',
    ]);
    expect(code).toBe(64);
  });

  test.each(['list', 'stat', 'uidl', 'top', 'retr', 'raw', 'fetch'])('%s takes it', async (name) => {
    expect((await mailtool([name, '--help'])).stdout).toContain('--read-only');
  });

  test('a dry run may look, and "no" forbids nothing', async () => {
    const server = `${maildrop(several(1))}\n${tops([1], header)}`;
    const dry = await against(`${server}\n${BYE}`, ['dele', '1', '-n', '--read-only']);
    expect(dry).toMatchObject({ code: 0, stdout: 'would delete 1 uid:uid-1 (100 B) number 1\n' });
    const real = await against(`${server}\nC: DELE 1\nS: +OK\n${BYE}`, ['dele', '1'], {
      env: { MAILTOOL_READ_ONLY: 'no' },
    });
    expect(real.code).toBe(0);
  });
});

describe('--pipelining', () => {
  test('off: one command waits for the other, whatever the server announces', async () => {
    const script = `${maildrop(several(2))}
      C: TOP 2 0
      S: +OK
      ${header(2)}
      S: .
      C: TOP 1 0
      S: +OK
      ${header(1)}
      S: .
      ${BYE}`;
    for (const [args, env] of [
      [['--pipelining', 'off'], {}],
      [[], { MAILTOOL_PIPELINING: 'off' }],
    ] as const) {
      const { code, stdout } = await against(script, ['list', '--plain', ...args], { env });
      expect(code).toBe(0);
      expect(stdout.split('\n').map((line) => line.split('\t')[5])).toEqual([
        'number 2',
        'number 1',
        undefined,
      ]);
    }
  });

  test('a server that gets out of step is asked again, one command at a time, and told of', async () => {
    const first = `${maildrop(several(2))}
      C: TOP 2 0
      C: TOP 1 0
      S: +OK
      ${header(2)}
      S: .
      S: what was that?
      *: end`;
    const second = `${maildrop(several(2)).replace(/C: LIST.*(?=C: UIDL)/s, '')}
      C: TOP 1 0
      S: +OK
      ${header(1)}
      S: .
      ${BYE}`;
    const { dialogue } = await import('../dialogue.ts');
    const { code, stdout, stderr } = await dialogue([first, second], {}, (port) =>
      mailtool(['list', '--plain'], { env: settings(port) }),
    );
    expect(code, stderr).toBe(0);
    expect(stdout.match(/number \d/g)).toEqual(['number 2', 'number 1']);
    expect(stderr).toContain('warning: the server announces PIPELINING and got out of step');
    expect(stderr).toContain('--pipelining off');
  });
});
