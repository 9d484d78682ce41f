import { describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';

describe('mailtool without a command', () => {
  it('says how it is used on stderr, and fails', async () => {
    const { code, stdout, stderr } = await mailtool([]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/^usage: mailtool COMMAND/);
    expect(stderr).toContain('sandbox');
  });

  it.each([['--help'], ['-h'], ['help'], ['--json', '--help']])(
    'helps on stdout when asked: %s',
    async (...args) => {
      const { code, stdout, stderr } = await mailtool(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      if (args[0] !== '--json')
        expect(stdout).toMatch(/^Examples:\n(?: {2}\S.*\n){3}\nUsage: mailtool COMMAND/);
    },
  );

  it('tells its version, also behind another option', async () => {
    for (const args of [['--version'], ['-V'], ['-q', '--version']]) {
      const { code, stdout } = await mailtool(args);
      expect({ code, stdout: /^\d+\.\d+\.\d+\n$/.test(stdout) }, args.join(' ')).toEqual({
        code: 0,
        stdout: true,
      });
    }
  });

  it('suggests the command that was meant', async () => {
    const { code, stdout, stderr } = await mailtool(['hlep']);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toBe(
      "mailtool: error: unknown command 'hlep'\nhint: did you mean help? mailtool --help lists the commands\n",
    );
  });

  it('shows no control characters of an unknown command', async () => {
    const { code, stderr } = await mailtool(['\u001b]0;owned\u0007\u202e']);
    expect(code).toBe(64);
    expect(stderr).toContain('^[]0;owned^G<U+202E>');
  });
});

describe('usage errors', () => {
  it('exit with 64, one error line and a hint on stderr', async () => {
    const { code, stdout, stderr } = await mailtool(['help', '--jsno']);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toBe(
      "mailtool: error: unknown option '--jsno'\nhint: did you mean --json? mailtool help --help shows what it takes\n",
    );
  });

  it.each([
    ['help', '--color', 'purple'],
    ['help', '--env-file'],
    ['help', 'no-such-topic'],
  ])('are all 64: %s %s', async (...args) => {
    const { code, stdout, stderr } = await mailtool(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/^mailtool: error: .+\nhint: .+\n$/);
  });

  it('are one JSON document too with --json, wherever it stands', async () => {
    for (const args of [
      ['--json', 'hlep'],
      ['help', '--json', '--nope'],
      ['help', '--nope', '--json'],
      ['--json'],
    ]) {
      const { code, stdout } = await mailtool(args);
      expect(code).toBe(64);
      expect(stdout.endsWith('\n')).toBe(true);
      expect(JSON.parse(stdout)).toMatchObject({
        schema: expect.stringMatching(/^mailtool(?:\.help)?\/1$/),
        ok: false,
        error: { code: 'EUSAGE', exit: 64, retryable: false, reply: null },
      });
    }
  });
});

describe('mailtool help', () => {
  it('explains the exit codes', async () => {
    const { code, stdout } = await mailtool(['help', 'exit-codes']);
    expect(code).toBe(0);
    for (const number of [0, 1, 64, 65, 66, 67, 68, 69, 70, 73, 74, 75, 76, 77, 78, 79, 130, 143]) {
      expect(stdout).toMatch(new RegExp(`^ *${number}  `, 'm'));
    }
  });

  it('lists every variable', async () => {
    const { SETTINGS } = await import('../../src/config/settings.ts');
    const { stdout } = await mailtool(['help', 'env']);
    for (const { variable } of SETTINGS) if (variable !== undefined) expect(stdout).toContain(variable);
  });

  it('takes the options of the shell before and after its name', async () => {
    const before = await mailtool(['--color', 'never', '-q', 'help', 'json']);
    const after = await mailtool(['help', 'json', '-q', '--color', 'never']);
    expect(before).toEqual(after);
    expect(before.code).toBe(0);
  });
});
