import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BIN, cleanEnv, mailtool } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';
import { smtpServer } from './scripted-server.ts';

const ESCAPES = '\u001b[31mred\u001b]0;title\u0007\u202e\u009b5m';

/** Runs with standard output on `path`. */
async function into(path: string, args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const out = openSync(path, 'w');
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: '/',
    env: cleanEnv(),
    stdio: ['ignore', out, 'pipe'],
  });
  closeSync(out);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

describe('standard output', () => {
  it.each([[['help', 'env']], [['--help']], [['help', 'env', '--json']]])(
    'on a full disk is an error of its own: %s',
    async (args) => {
      expect(await into('/dev/full', args)).toEqual({
        code: 74,
        stderr:
          'mailtool: error: cannot write to standard output: no space left on the device\nhint: what was written there is not complete\n',
      });
    },
  );

  it('that is full, or gone, is no reason for --version to crash', async () => {
    expect(await into('/dev/full', ['--version'])).toEqual({
      code: 74,
      stderr: 'mailtool: error: cannot write to standard output: ENOSPC\n',
    });
    const child = spawn('sh', ['-c', `"${process.execPath}" "${BIN}" --version 2>&1 >&3 3>&- | cat >&2`], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    child.stdio[3]?.destroy();
    let said = '';
    child.stderr?.on('data', (text) => {
      said += text;
    });
    await once(child, 'close');
    expect(said).toBe('');
  });

  it('says once that the disk is full', async () => {
    const { stderr } = await into('/dev/full', ['help', 'exit-codes']);
    expect(stderr.match(/error:/g)).toHaveLength(1);
  });

  it('does not hide another failure when the disk is full', async () => {
    const { code } = await into('/dev/full', ['help', '--json', '--nope']);
    expect(code).toBe(64);
  });

  it('that nobody reads any more ends the run quietly', async () => {
    const child = spawn(process.execPath, [BIN, 'help', 'env'], { cwd: '/', env: cleanEnv() });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('closed from the start is no reason to crash', async () => {
    const child = spawn('sh', ['-c', '"$0" "$1" help env >&-; echo $?', process.execPath, BIN], {
      cwd: '/',
      env: cleanEnv(),
    });
    const out: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
    await once(child, 'close');
    expect(out.join('')).toBe('0\n');
  });
});

describe('standard error', () => {
  it('that nobody reads does not change the outcome', async () => {
    const child = spawn(process.execPath, [BIN, 'nonsense'], { cwd: '/', env: cleanEnv() });
    child.stderr.destroy();
    const [code] = await once(child, 'close');
    expect(code).toBe(64);
  });
});

describe('hostile text', () => {
  it('from a server is shown, not obeyed, in a pipe and on a terminal', async () => {
    await using server = await smtpServer({ GREETING: `220 ${ESCAPES}\r\n` });
    const args = ['probe', 'smtp', `127.0.0.1:${server.port}`];
    const piped = await mailtool(args);
    expect(piped.stdout).toContain('^[[31mred^[]0;title^G');
    const seen = await onTerminal([...args, '-vv', '--color', 'never']);
    for (const text of [piped.stdout, seen.screen]) expect(text).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
    expect(seen.code).toBe(0);
  });

  it('in an error message, too', async () => {
    await using server = await smtpServer({ GREETING: `554 ${ESCAPES}\r\n` });
    const seen = await onTerminal(['probe', 'smtp', `127.0.0.1:${server.port}`, '--color', 'never']);
    expect(seen.code).toBe(69);
    expect(seen.screen).toContain('^[[31mred');
    expect(seen.screen).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
  });

  it('is plain ASCII escapes in JSON', async () => {
    await using server = await smtpServer({ GREETING: `220 ${ESCAPES}\r\n` });
    const { stdout } = await mailtool(['probe', 'smtp', `127.0.0.1:${server.port}`, '--json']);
    expect(stdout.trimEnd()).not.toMatch(/[\0-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(JSON.parse(stdout).greeting).toContain('\u001b[31mred');
  });
});

describe('colour', () => {
  const colored = /\u001b\[/;

  it('is on where a terminal is, and off where it is not wanted', async () => {
    const seen = async (args: readonly string[], env: Record<string, string>) =>
      colored.test((await onTerminal(['nonsense', ...args], { env })).screen);
    expect(await seen([], {})).toBe(true);
    expect(await seen([], { NO_COLOR: '1' })).toBe(false);
    expect(await seen([], { TERM: 'dumb' })).toBe(false);
    expect(await seen(['--color', 'never'], {})).toBe(false);
    expect(await seen(['--color=always'], { NO_COLOR: '1' })).toBe(true);
  });

  it('is off in a pipe, unless forced', async () => {
    expect((await mailtool(['nonsense'])).stderr).not.toMatch(colored);
    expect((await mailtool(['nonsense'], { env: { CI: '1' } })).stderr).not.toMatch(colored);
    expect((await mailtool(['nonsense'], { env: { FORCE_COLOR: '1' } })).stderr).toMatch(colored);
    expect((await mailtool(['nonsense', '--color', 'always'])).stderr).toMatch(colored);
  });
});

describe('-q, -v and -vv', () => {
  it('say less and more', async () => {
    await using server = await smtpServer();
    const args = ['probe', 'smtp', `127.0.0.1:${server.port}`];
    const env = { MAILTOOL_SMPT_HOST: 'typo' };
    expect((await mailtool([...args, '-q'], { env })).stderr).toBe('');
    expect((await mailtool(args, { env })).stderr).toMatch(/^mailtool: warning: .*MAILTOOL_SMPT_HOST.*\n$/);
    expect((await mailtool([...args, '-v'])).stderr).toMatch(
      /^mailtool: connecting to 127\.0\.0\.1:\d+ \(none\)\n$/,
    );
    const { stderr } = await mailtool([...args, '-vv']);
    expect(stderr).toMatch(/^ +\d+\.\d{3} {5}S: 220 mx\.example\.org ESMTP$/m);
    expect(stderr).toMatch(/^ +\d+\.\d{3} {5}C: EHLO /m);
  });
});
