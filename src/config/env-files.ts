/** Finding and reading `.env` files: what is said in them, and on which line. */
// The promises of node:fs load when they are first used: most directories have no .env, and start-up pays nothing.
import { constants, existsSync, promises as fs } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ConfigError } from '../errors.ts';
import { VARIABLE_PREFIX } from './settings.ts';
import { quote } from './values.ts';

/** More than any honest file has; the reader's time grows with the square of some texts. */
export const MAX_ENV_FILE = 64 * 1024;

const READ_SIZE = 16 * 1024;

/** A `.env` file as it was read; `named` when the user gave its name, and did not only stand in its directory. */
export interface EnvFile {
  readonly path: string;
  readonly text: string;
  readonly named: boolean;
}

/** One variable of a file, and the line (from 1) that it is on. */
export interface EnvVariable {
  readonly text: string;
  readonly line: number;
  /** A `#` ended the value although no blank stood before it: part of it is probably lost. */
  readonly cut: boolean;
}

export interface EnvFileChoice {
  /** In the order of `--env-file`; when there is one, `./.env` is not looked for. */
  readonly named: readonly string[];
  /** `--no-env-file`: read none. */
  readonly none?: boolean;
  /** Where `./.env` is looked for; the current directory when absent. */
  readonly directory?: string;
}

/**
 * Reads the files of `choice`, those that are named or `./.env` when it is there. ConfigError when a file cannot be
 * read, is no text or holds more than 64 KB.
 */
export async function readEnvFiles(choice: EnvFileChoice): Promise<EnvFile[]> {
  if (choice.none === true) return [];
  if (choice.named.length > 0) {
    return Promise.all(
      choice.named.map(async (path) => ({ path, text: (await readEnvFile(path, true)) ?? '', named: true })),
    );
  }
  const path = choice.directory === undefined ? './.env' : `${choice.directory}/.env`;
  const text = existsSync(path) ? await readEnvFile(path, false) : undefined;
  return text === undefined ? [] : [{ path: './.env', text, named: false }];
}

async function readEnvFile(path: string, named: boolean): Promise<string | undefined> {
  const hint = named ? 'check the name given with --env-file' : 'use --no-env-file to go without it';
  let file: FileHandle | undefined;
  try {
    if (named) await refusePipe(path);
    // Somebody else may have made ./.env a FIFO, which without O_NONBLOCK would hold us for ever.
    file = await fs.open(path, named ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK);
    // A directory called .env is a habit of Python; only a file is meant for us.
    if (!named && !(await file.stat()).isFile()) return undefined;
    const bytes = await readAtMost(file, MAX_ENV_FILE);
    if (bytes === undefined) {
      throw new ConfigError(`${quote(path)} is longer than ${MAX_ENV_FILE} bytes: this is no .env file`, {
        stage: 'config',
        hint,
      });
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    if (!named && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    const reason = cause instanceof TypeError && 'code' in cause ? 'it is not UTF-8 text' : reasonOf(cause);
    throw new ConfigError(`cannot read ${quote(path)}: ${reason}`, { stage: 'config', hint, cause });
  } finally {
    await file?.close();
  }
}

/** All of `file` from where it stands, or undefined when that is more than `limit` octets. */
export async function readAtMost(file: FileHandle, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(READ_SIZE), position: null });
    if (bytesRead === 0) return Buffer.concat(chunks);
    size += bytesRead;
    if (size > limit) return undefined;
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/**
 * Refuses a named pipe: opening one waits for whoever writes into it, without an end, and no deadline or signal reaches that
 * wait. The pipes of `<(command)` have their writer, and are no obstacle.
 */
export async function refusePipe(path: string): Promise<void> {
  if (/^\/(?:dev|proc\/self)\/fd\//.test(path)) return;
  if ((await fs.stat(path)).isFIFO()) throw Object.assign(new Error('it is a named pipe'), { code: 'EFIFO' });
}

/** The system's word for what went wrong with a file, without the path that Node adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EISDIR: 'it is a directory',
    EFIFO: 'it is a named pipe',
    ENOTDIR: 'a part of its path is not a directory',
    ELOOP: 'too many symbolic links',
  };
  return known[code] ?? (code === '' ? error.message : code);
}

/** The lines for dotenv, which needs time with the square of the blank ones in a row: seconds for 64 KB of them. */
export function withoutBlankLines(lines: readonly string[]): string {
  return lines.filter((line) => line.trim() !== '').join('\n');
}

/** The `MAILTOOL_` variables of a file. Of one that is there twice, the last counts, as in a shell. */
export async function parseEnvFile(text: string): Promise<Map<string, EnvVariable>> {
  const variables = new Map<string, EnvVariable>();
  if (!text.includes(VARIABLE_PREFIX)) return variables;
  const lines = text.split(/\r\n|[\r\n\u2028\u2029]/);
  const { parse } = await import('dotenv');
  const parsed = parse(withoutBlankLines(lines));
  for (const [name, value] of Object.entries(parsed)) {
    if (!name.startsWith(VARIABLE_PREFIX)) continue;
    variables.set(name, { text: value, line: 0, cut: false });
  }
  for (const [index, line] of lines.entries()) {
    const match = /^\s*(?:export\s+)?([\w.-]+)\s*[=:](.*)$/.exec(line);
    const found = variables.get(match?.[1] ?? '');
    if (found === undefined) continue;
    const rest = match?.[2] ?? '';
    const cut = /^(?:#|\s*[^\s#"'`][^#]*(?<!\s)#)/.test(rest);
    variables.set(match?.[1] ?? '', { text: found.text, line: index + 1, cut });
  }
  return variables;
}
