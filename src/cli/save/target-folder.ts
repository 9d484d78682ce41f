import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readFile, realpath, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '../../errors.ts';
import { numberedName } from './file-name.ts';

/** Of so many files with one name the next is refused. */
const CLASHES_LIMIT = 10_000;

/**
 * A directory that files are put into, each whole, private to its owner, and in no other's place: a name that is taken gets a
 * number. What is followed is the way to the directory, and nothing in it.
 */
export class TargetFolder {
  /** As it was given. */
  readonly #path: string;
  /** Without links. */
  readonly #real: string;
  readonly #handle: FileHandle;
  readonly #found: Stats;

  private constructor(path: string, real: string, handle: FileHandle, found: Stats) {
    this.#path = path;
    this.#real = real;
    this.#handle = handle;
    this.#found = found;
  }

  /** Makes what is missing. `StorageError` where there is no directory to write to. */
  static async open(path: string): Promise<TargetFolder> {
    await step(path, 'mkdir', () => mkdir(path, { recursive: true, mode: 0o700 }));
    const real = await step(path, 'open', () => realpath(path));
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const handle = await step(path, 'open', () => open(real, flags));
    return new TargetFolder(path, real, handle, await handle.stat());
  }

  /**
   * Saves `bytes` under `name`, which has to be a safe one, and resolves with the path. With `reuse` a file of that name, or one
   * with a number, that holds the same octets is as good.
   */
  async save(name: string, bytes: Uint8Array, reuse: boolean): Promise<string> {
    await this.#checkPlace();
    const temporary = join(this.#real, `.mailtool-${randomBytes(8).toString('hex')}.tmp`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await step(this.#path, 'create', () => open(temporary, flags, 0o600));
    try {
      try {
        await step(this.#path, 'write', () => file.writeFile(bytes));
        await step(this.#path, 'fsync', () => file.sync());
      } finally {
        await file.close();
      }
      await this.#checkPlace();
      return join(this.#path, await this.#place(temporary, name, bytes, reuse));
    } finally {
      await unlink(temporary).catch(() => undefined);
      // A name is only as durable as its directory. Some systems cannot sync one, and need not.
      await this.#handle.sync().catch(() => undefined);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Gives the file the first free name. `link` fails where there is anything, a link that leads nowhere included. */
  async #place(temporary: string, name: string, bytes: Uint8Array, reuse: boolean): Promise<string> {
    for (let number = 1; number <= CLASHES_LIMIT; number++) {
      const candidate = number === 1 ? name : numberedName(name, number);
      const path = join(this.#real, candidate);
      try {
        await giveName(temporary, path, bytes);
        return candidate;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw failure(path, 'create', error);
        if (reuse && (await holds(path, bytes))) return candidate;
      }
    }
    throw failure(join(this.#path, name), 'create', new Error(`${CLASHES_LIMIT} files have that name`));
  }

  /** Whoever may write above it could have put something else in its place. */
  async #checkPlace(): Promise<void> {
    const now = await step(this.#path, 'open', () => lstat(this.#real));
    if (now.dev !== this.#found.dev || now.ino !== this.#found.ino)
      throw failure(this.#path, 'open', new Error('it is another directory now'));
  }
}

const WITHOUT_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EACCES',
]);

async function giveName(temporary: string, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
    // A file system without links: written again under its name, which nobody has then.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(path, flags, 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (cause) {
      await unlink(path).catch(() => undefined);
      throw cause;
    } finally {
      await file.close();
    }
  }
}

/** Whether a file, and no link to one, holds exactly these octets. */
async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const found = await lstat(path);
    if (!found.isFile() || found.size !== bytes.length) return false;
    return (await readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW })).equals(bytes);
  } catch {
    return false;
  }
}

async function step<T>(path: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(path, name, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'it is no directory',
  ENOTDIR: 'it is no directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
};

function failure(path: string, name: string, cause: unknown): StorageError {
  const reason = REASONS[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
  return new StorageError(
    `cannot save in ${path}: ${reason}`,
    { path, step: name },
    { cause, retryable: false },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
