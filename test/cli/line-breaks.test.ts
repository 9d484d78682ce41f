import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineSend } from '../../src/cli/send/options.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';

let sandbox: Sandbox;
let dir: string;
beforeAll(async () => {
  sandbox = await startSandbox({ tls: true, username: 'me@example.org' });
  dir = mkdtempSync(join(tmpdir(), 'mailtool-breaks-'));
  for (const name of ['file', 'page.html']) writeFileSync(join(dir, name), '<p>text\n');
});
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});

/** What stands before and behind the line break, for each flag whose text comes near a header or a command. */
const TEXTS: Readonly<Record<string, readonly [before: string, behind?: string]>> = {
  '--from': ['"A', '" <a@b>'],
  '--envelope-from': ['a@b'],
  '--to': ['"A', '" <a@b>'],
  '--cc': ['a@b'],
  '--bcc': ['a@b'],
  '--reply-to': ['"A', '" <a@b>'],
  '--sender': ['a@b'],
  '--subject': ['x'],
  '--header': ['X-Y: z'],
  '--in-reply-to': ['a@b'],
  '--message-id': ['a@b'],
  '--charset': ['utf-8'],
  '--attach': ['file;name=x'],
  '--inline': ['file;cid=x'],
  '--envid': ['x'],
  '--auth-sender': ['a@b'],
};
/** Flags that name a file, or know a few words only: what is in them comes near neither. */
const OTHERS: Readonly<Record<string, readonly number[]>> = {
  '--text-file': [66],
  '--html-file': [66],
  '--raw': [66],
  '--resend': [66],
  '--calendar': [66],
  '--forward': [66],
  '--reply-to-message': [66],
  '--priority': [64],
  '--encoding': [64],
  '--date': [64],
  '--retry-for': [64],
  '--seed': [64],
  '--dsn': [64],
  '--dsn-return': [64],
  '--deliver-by': [64],
  '--mt-priority': [64],
  '--hold-for': [64],
  '--hold-until': [64],
};
/** Bodies have lines, and a folder or a file may be called anything. */
const FREE = ['--text', '--html', '--html-images', '--save-copy'];

it('every flag of send that takes a value is looked at here', () => {
  const command = new Command();
  defineSend(command);
  const flags = command.options.filter(({ required }) => required).map(({ long }) => long);
  expect(
    flags.filter((flag) => !((flag ?? '') in { ...TEXTS, ...OTHERS }) && !FREE.includes(flag ?? '')),
  ).toEqual([]);
});

const BREAKS = ['\r\nBcc: x@y', '\nBcc: x@y', '\rBcc: x@y', '\r\n\r\nbody', '\n '];
const send = (flag: string, value: string) => {
  const rest = /^--(?:raw|resend|text-file|html-file)$/.test(flag)
    ? ['-t', 'b@example.org']
    : ['-m', 'text', '-t', 'b@example.org'];
  return mailtool(['send', ...rest, flag, value], { cwd: dir, env: sandbox.environment(), input: '' });
};

describe('a line break', () => {
  it.each(Object.keys(TEXTS))('in %s is refused with 65, and nothing is sent', async (flag) => {
    const [before, behind = ''] = TEXTS[flag] ?? [''];
    for (const text of BREAKS) {
      const { code, stdout, stderr } = await send(flag, `${before}${text}${behind}`);
      expect({ text, code, stdout }, stderr).toEqual({ text, code: 65, stdout: '' });
    }
    expect(sandbox.messages()).toEqual([]);
    // Without it the same is sent, or the server lacks what is asked for.
    expect([0, 69]).toContain((await send(flag, `${before}${behind}`)).code);
    await sandbox.clear();
  });

  it.each(Object.keys(OTHERS))('in %s comes into no message', async (flag) => {
    for (const text of BREAKS.slice(0, 2)) {
      const { code, stderr } = await send(flag, `file${text}`);
      expect(OTHERS[flag], stderr).toContain(code);
    }
    expect(sandbox.messages()).toEqual([]);
  });
});
