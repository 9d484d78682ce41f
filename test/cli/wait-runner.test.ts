import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dotenvLine, maskCommand, outputLines } from '../../src/cli/wait/runner.ts';
import { looksLikeCommand } from '../../src/cli/workflow-commands.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { EVIL, encoded, obeyed } from './github-runner.ts';
import { BIN, cleanEnv } from './mailtool.ts';
import { deliver, type Mail, waited } from './waiting.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The outputs that a runner reads in the file, or an error where it finds something else in it. */
function outputsIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  while (lines.length > 0) {
    const [, name = '', word = ''] = /^([^=<]+)<<(.+)$/.exec(lines.shift() ?? '') ?? [];
    const end = lines.indexOf(word);
    expect(end).toBeGreaterThan(-1);
    found[name] = lines
      .splice(0, end + 1)
      .slice(0, -1)
      .join('\n');
  }
  return found;
}

const github = { GITHUB_ACTIONS: 'true' };

describe('in GitHub Actions no message is obeyed', () => {
  test.each(EVIL)(
    '%j',
    async (text) => {
      expect(obeyed('::add-path::/tmp\n')).toEqual(['add-path /tmp']); // the runner of this test obeys at all
      for (const print of ['subject', 'text', 'json', 'raw', 'code'] as const) {
        const before: Mail[] = [{ subject: encoded(text), text }];
        const code = print === 'code' ? ['--code', '/[^]+/'] : [];
        const {
          code: exit,
          stdout,
          stderr,
        } = await waited(['--existing', '--print', print, ...code], { before, env: github });
        expect(exit).toBe(0);
        expect(obeyed(stdout), `${print}: ${stdout}`).toEqual([]);
        expect(obeyed(stderr)).toEqual([]);
      }
      const { stdout } = await waited(['--existing', '--json'], {
        before: [{ subject: encoded(text), text }],
        env: github,
      });
      expect(obeyed(stdout)).toEqual([]);
      expect(JSON.parse(stdout).matched[0].text.trim()).toBe(text.replaceAll('\r', '\n').trim());
    },
    30_000,
  );

  test('after the message commands are obeyed again', async () => {
    const { stdout } = await waited(['--existing'], { before: [{ text: '::add-path::x' }], env: github });
    expect(obeyed(`${stdout}::notice::mine\n`)).toEqual(['notice mine']);
  });

  test('a link, a code, a harmless subject are as they are, for $(...)', async () => {
    const before = [{ subject: 'Hello', text: 'https://x.test/ 123456' }];
    const of = async (...args: string[]) =>
      (await waited(['--existing', ...args], { before, env: github })).stdout;
    expect(await of('--print', 'link')).toBe('https://x.test/\n');
    expect(await of('--print', 'code')).toBe('123456\n');
    expect(await of('--print', 'subject')).toBe('Hello\n');
  });

  test('a file is given the text as it is', async () => {
    await using sandbox = await startSandbox();
    const env = { ...sandbox.environment(), ...github };
    await deliver(env, { text: '::add-path::x' });
    const file = openSync(join(folder, 'out'), 'w');
    const child = spawn(process.execPath, [BIN, 'wait', '--existing'], {
      env: cleanEnv(env),
      cwd: '/',
      stdio: ['ignore', file, 'ignore'],
    });
    await new Promise((resolve) => child.on('exit', resolve));
    closeSync(file);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('::add-path::x\n');
  });

  test('--gh-mask: the runner hears of the code on standard error, before it is printed', async () => {
    const before = [{ text: '100%\n123456' }];
    const args = ['--existing', '--print', 'code', '--gh-mask'];
    const { stdout, stderr } = await waited(args, { before, env: github });
    expect(stdout).toBe('123456\n');
    expect(obeyed(stderr)).toEqual(['add-mask 123456']);
    expect((await waited(args, { before })).stderr).not.toContain('add-mask');
    expect(maskCommand('a%b\nc')).toBe('::add-mask::a%25b%0Ac\n');
  });
});

describe('--gh-output', () => {
  test.each(EVIL)('%j', async (text) => {
    const file = join(folder, 'output');
    writeFileSync(file, 'earlier<<X\n1\nX\n');
    const env = { ...github, GITHUB_OUTPUT: file };
    const args = ['--existing', '--gh-output', 'mail', '--print'];
    await waited([...args, 'text'], { before: [{ text: `a<<b\n${text}\nmail<<EOF\nx\nEOF` }], env });
    const outputs = outputsIn(readFileSync(file, 'utf8'));
    expect(Object.keys(outputs)).toEqual(['earlier', 'mail']);
    expect(outputs['mail']).toBe(`a<<b\n${text.replaceAll('\r', '\n')}\nmail<<EOF\nx\nEOF`);
  });

  test('the word around a value is never the same', () => {
    expect(outputLines('a', 'x')).not.toBe(outputLines('a', 'x'));
  });

  test('a name that is none is refused', async () => {
    const env = { GITHUB_OUTPUT: join(folder, 'o') };
    expect(await waited(['--gh-output', 'a<<b'], { env })).toMatchObject({ code: 64, polls: 0 });
  });
});

describe('--dotenv', () => {
  const VALUES = [
    '123456',
    'https://x.test/c?a=1&b=$(id)#x',
    'it is "quoted" `id` $HOME \\',
    "it's",
    '# no comment',
    ' x ',
    '',
    'ä ::x',
  ];

  test.each(VALUES)('%j is read back exactly, by a shell and by a library', (value) => {
    const file = join(folder, 'env');
    writeFileSync(file, dotenvLine('KEY', value, { gitlab: false }));
    expect(parse(readFileSync(file))['KEY']).toBe(value);
    const shell = execFileSync('sh', ['-c', `. ${file}; printf %s "$KEY"`], { encoding: 'utf8' });
    expect(shell).toBe(value);
  });

  test.each(['a\nb', 'a\rb', 'a\0b', 'a\u2028b', '\u001b[31m', `it's "$x"`])('%j is refused', (value) => {
    expect(() => dotenvLine('KEY', value, { gitlab: false })).toThrow(/cannot stand in a dotenv file/);
  });

  test('GitLab knows no quotes', () => {
    const link = 'https://x.test/c?a=1&b=2#x';
    expect(dotenvLine('KEY', link, { gitlab: true })).toBe(`KEY=${link}\n`);
    for (const value of ['a b', '"a"', "it's", '$HOME', 'a\nb']) {
      expect(() => dotenvLine('KEY', value, { gitlab: true })).toThrow(/cannot stand/);
    }
  });

  test('a line is added to what is there, under its key; what is refused is not printed, and stays on the server', async () => {
    const file = join(folder, 'env');
    writeFileSync(file, 'A=1');
    const link = { before: [{ text: 'https://x.test/?a&b' }] };
    expect((await waited(['--existing', '--print', 'link', '--dotenv', file], link)).code).toBe(0);
    const code = { before: [{ text: '123456' }] };
    const keyed = ['--existing', '--print', 'code', '--dotenv', file, '--dotenv-key', 'OTP'];
    expect((await waited(keyed, code)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe("A=1\nMAIL_LINK='https://x.test/?a&b'\nOTP=123456\n");
    const text = { before: [{ text: 'two\nlines' }] };
    const refused = await waited(['--existing', '--dotenv', file, '--delete'], text);
    expect(refused).toMatchObject({ code: 65, stdout: '', left: 1 });
  });
});

test('what a runner could take for a command', () => {
  for (const text of ['::a::b', ' ::a', 'x\n::a::', 'x\r::a::', 'x ##[a]'])
    expect(looksLikeCommand(text)).toBe(true);
  for (const text of ['a::b', 'x', '# [a]', ': :']) expect(looksLikeCommand(text)).toBe(false);
});
