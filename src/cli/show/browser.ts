import { spawn } from 'node:child_process';
import { lstat, mkdtemp, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StorageError } from '../../errors.ts';

const FOLDER = 'mailtool-page-';
const FILE = 'message.html';
const KEPT_MS = 24 * 60 * 60 * 1000;

/** Writes a page where only its owner can read it, and resolves with its path. Pages of yesterday are taken away. */
export async function writePage(html: string): Promise<string> {
  await removeOld().catch(() => undefined);
  const where = tmpdir();
  try {
    const path = join(await mkdtemp(join(where, FOLDER)), FILE); // 0700, and new
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(html);
    } finally {
      await file.close();
    }
    return path;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const details = { cause, retryable: false };
    throw new StorageError(
      `cannot write a page in ${where}: ${reason}`,
      { path: where, step: 'create' },
      details,
    );
  }
}

/** Only a directory of our own, and only what we put there. */
async function removeOld(): Promise<void> {
  const where = tmpdir();
  const own = process.getuid?.();
  for (const name of (await readdir(where)).filter((entry) => entry.startsWith(FOLDER)).slice(0, 1_000)) {
    const directory = join(where, name);
    const found = await lstat(directory).catch(() => undefined);
    if (found?.isDirectory() !== true || (own !== undefined && found.uid !== own)) continue;
    if (Date.now() - found.mtimeMs < KEPT_MS) continue;
    await unlink(join(directory, FILE)).catch(() => undefined);
    await rmdir(directory).catch(() => undefined);
  }
}

/** How long a program may take to say that it cannot. */
const FAILURE_MS = 2_000;

/** Opens a file in the reader's browser, without a shell; false where there is no display, or nothing that opens it. */
export async function openInBrowser(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  for (const [program = '', ...args] of candidates(path, env)) {
    if (await starts(program, args)) return true;
  }
  return false;
}

function candidates(path: string, env: Readonly<Record<string, string | undefined>>): string[][] {
  const url = pathToFileURL(path).href;
  if (process.platform === 'darwin') return [['open', path]];
  if (process.platform === 'win32') return [['rundll32', 'url.dll,FileProtocolHandler', url]];
  if ((env['DISPLAY'] ?? '') === '' && (env['WAYLAND_DISPLAY'] ?? '') === '') return [];
  const named = (env['BROWSER'] ?? '').split(':').flatMap((command) => {
    const words = command.split(' ').filter((word) => word !== '');
    if (words.length === 0) return [];
    return [
      words.some((word) => word.includes('%s'))
        ? words.map((word) => word.replaceAll('%s', url))
        : [...words, url],
    ];
  });
  return [...named, ['xdg-open', path]];
}

/** Whether it runs: a browser goes on, and one that has passed the page to another ends well. */
function starts(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: 'ignore', detached: true });
    const timer = setTimeout(() => resolve(true), FAILURE_MS);
    const end = (started: boolean) => {
      clearTimeout(timer);
      resolve(started);
    };
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === 0));
    child.unref();
  });
}
