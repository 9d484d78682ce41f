import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, mailtool } from './mailtool.ts';
import { smtpServer } from './scripted-server.ts';

const hook = fileURLToPath(new URL('loading.cjs', import.meta.url));
const built = existsSync(join(dirname(BIN), '..', 'dist', 'cli', 'main.cjs'));
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The names of the chunks that a run loads, without their hashes; shared chunks have none worth comparing. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const list = join(dir, 'loaded');
  await mailtool(args, { env: { NODE_OPTIONS: `--require ${hook}`, LOADED_INTO: list } });
  return readFileSync(list, 'utf8')
    .split('\n')
    .map((path) => basename(path).replace(/(?:-[A-Z0-9]{8})?\.cjs$/, ''))
    .filter((name) => name !== 'chunk');
}

/** A part that start-up must not pay for without need. */
const OTHERS = [
  'list',
  'retr',
  'top',
  'dele',
  'stat',
  'uidl',
  'probe',
  'sandbox',
  'pop3',
  'cli-progress',
  'source',
];

describe.runIf(built)('start-up', () => {
  it('loads almost nothing to say how mailtool is used', async () => {
    expect((await loadedBy()).sort()).toEqual(['loading', 'mailtool', 'main']);
  });

  it('loads only the command that was asked for, to explain it', async () => {
    const loaded = await loadedBy('send', '--help');
    expect(loaded).toContain('send');
    for (const other of [...OTHERS, 'smtp', 'config', 'context']) expect(loaded).not.toContain(other);
  });

  it('loads to send a message neither receiving, nor dotenv, nor colours, nor a progress bar', async () => {
    await using server = await smtpServer();
    const args = [
      'send',
      '-f',
      'a@example.org',
      '-t',
      'b@example.org',
      '-m',
      'x',
      '--smtp-host',
      `127.0.0.1:${server.port}`,
    ];
    const loaded = await loadedBy(...args);
    expect(server.lines).toContain('.');
    expect(loaded).toContain('smtp');
    for (const other of [...OTHERS, 'dist', 'src', 'transcript']) expect(loaded).not.toContain(other);
  });

  it('loads nothing of a command for --version', async () => {
    expect((await loadedBy('--version')).sort()).toEqual(['loading', 'mailtool', 'package.json']);
  });
});
