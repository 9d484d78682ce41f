import { randomBytes } from 'node:crypto';
import { appendFile, open } from 'node:fs/promises';
import { ConfigError, DataError, StorageError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';

/** The command that makes a runner show `***` in place of `value`. */
export function maskCommand(value: string): string {
  const escaped = value.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::add-mask::${escaped}\n`;
}

/** Where outputs of the step go. ConfigError outside of GitHub Actions, UsageError for a name that is none. */
export function gitHubOutput(
  { io }: Context,
  name: string,
): { readonly path: string; readonly name: string } {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/.test(name)) {
    throw new UsageError(`--gh-output ${JSON.stringify(name)} is no name for an output`, {
      hint: 'letters, digits, _ and -',
    });
  }
  const path = io.env['GITHUB_OUTPUT'] ?? '';
  if (path !== '') return { path, name };
  throw new ConfigError('--gh-output needs GITHUB_OUTPUT, which a step of GitHub Actions has', {
    hint: 'elsewhere, --dotenv FILE or standard output give the value',
  });
}

/** An output as the runner reads it, between two lines of a word that is not in the value. */
export function outputLines(name: string, value: string): string {
  const text = value.replace(/\r\n?/g, '\n');
  let word: string;
  do word = `mailtool_${randomBytes(16).toString('hex')}`;
  while (text.includes(word));
  return `${name}<<${word}\n${text}\n${word}\n`;
}

/** UsageError for a name that is none of a variable. */
export function checkVariable(flag: string, name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name)) return;
  throw new UsageError(`${flag} ${JSON.stringify(name)} is no name for a variable`, {
    hint: 'letters, digits and _',
  });
}

/**
 * `KEY=value`, which a shell, dotenv libraries and docker read back exactly; with `gitlab` without quotes, since GitLab would
 * take them for a part of the value. DataError for a value that cannot be written so: it is never changed.
 */
export function dotenvLine(key: string, value: string, { gitlab }: { readonly gitlab: boolean }): string {
  const refused = (why: string) =>
    new DataError(`the value cannot stand in a dotenv file: ${why}`, {
      hint: '--json or --save give it whole',
    });
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(value)) throw refused('it has line ends or control characters');
  if (/^[\w./:@%+,-]*$/.test(value)) return `${key}=${value}\n`;
  if (gitlab) {
    if (/[\s"'`\\$]/.test(value)) throw refused('GitLab knows no quotes, and it has blanks, quotes, $ or \\');
    return `${key}=${value}\n`;
  }
  if (!value.includes("'")) return `${key}='${value}'\n`;
  if (!/["$`\\!]/.test(value)) return `${key}="${value}"\n`;
  throw refused('it has quotes of both kinds');
}

/** Adds `text` to a file, which is made where it is not there, for its owner alone; a last line without an end gets one. */
export async function addTo(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, `${(await endsInLine(path)) ? '' : '\n'}${text}`, { mode: 0o600 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      `cannot add to ${path}: ${reason}`,
      { path, step: 'write' },
      { cause, retryable: false },
    );
  }
}

/** True also for what is empty, or not there, or no file. */
async function endsInLine(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size === 0) return true;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return bytesRead === 0 || buffer[0] === 0x0a;
  } catch {
    return true;
  }
}
