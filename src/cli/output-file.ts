import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StorageError } from '../errors.ts';

/**
 * A file that appears whole or not at all: written beside its place under another name, synced, and only then given its
 * own. Without `force` a file that is there already is never touched, not even one that came while this one was written.
 * Mail is private: only its owner may read it. A pipe or a device is written to as it is.
 */
export class OutputFile {
  readonly path: string;
  readonly #temporary: string | undefined;
  readonly #handle: FileHandle;
  #open = true;

  private constructor(path: string, temporary: string | undefined, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** Where the octets are until `commit`. */
  get written(): string {
    return this.#temporary ?? this.path;
  }

  static async create(path: string, force: boolean): Promise<OutputFile> {
    const there = await kindOf(path);
    if (there === 'directory') {
      throw new StorageError(`${path} is a directory`, { path, step: 'create' }, { retryable: false });
    }
    if (there === 'special') {
      const handle = await step(path, 'open', () => open(path, constants.O_WRONLY));
      return new OutputFile(path, undefined, handle);
    }
    if (there === 'file' && !force) throw exists(path);
    const temporary = join(
      dirname(path),
      `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`,
    );
    return new OutputFile(path, temporary, await step(path, 'create', () => open(temporary, 'wx', 0o600)));
  }

  /** Every octet, or an error: a full disk takes part of a write without complaint. */
  async write(bytes: Uint8Array): Promise<void> {
    await step(this.path, 'write', async () => {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.#handle.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    });
  }

  /** Makes the file last, then gives it its name: `path`, or `as` in the same directory. Resolves with that. */
  async commit(force: boolean, as: string = this.path): Promise<string> {
    const temporary = this.#temporary;
    try {
      if (temporary !== undefined) await step(as, 'fsync', () => this.#handle.sync());
      this.#open = false;
      await step(as, 'close', () => this.#handle.close());
      if (temporary === undefined) return as;
      if (force) await step(as, 'rename', () => rename(temporary, as));
      else await giveName(temporary, as);
      await syncDirectory(dirname(as));
      return as;
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /** Leaves nothing behind. Never fails. */
  async discard(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      await this.#handle.close().catch(() => undefined);
    }
    if (this.#temporary !== undefined) await unlink(this.#temporary).catch(() => undefined);
  }
}

/** What is at `path`, links followed. */
export async function kindOf(path: string): Promise<'nothing' | 'file' | 'directory' | 'special'> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'directory';
    return found.isFile() ? 'file' : 'special';
  } catch {
    // A link that leads nowhere is something all the same: it must not be replaced unasked.
    return lstat(path).then(
      () => 'file',
      () => 'nothing',
    );
  }
}

const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);

/** `link` fails where the name is taken, in one step; file systems without it get the name reserved first. */
async function giveName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') throw exists(path);
    if (!WITHOUT_LINKS.has(code)) throw failure(path, 'link', error);
    await step(path, 'create', async () => (await open(path, 'wx', 0o600)).close());
    await step(path, 'rename', () => rename(temporary, path));
    return;
  }
  await step(path, 'unlink', () => unlink(temporary));
}

/** A name is only as durable as its directory. Some systems cannot open one, and need not. */
async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle;
  try {
    directory = await open(path, 'r');
  } catch {
    return;
  }
  try {
    await directory.sync();
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'EPERM') throw failure(path, 'fsync', error);
  } finally {
    await directory.close();
  }
}

function exists(path: string): StorageError {
  return new StorageError(
    `${path} is there already`,
    { path, step: 'create' },
    { retryable: false, hint: 'name another file, or overwrite it with --force' },
  );
}

async function step<T>(path: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? exists(path) : failure(path, name, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the directory is not there',
  ENOTDIR: 'part of the path is no directory',
  EACCES: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would become too large',
  EIO: 'input/output error',
  EPIPE: 'nobody reads it any more',
  ENAMETOOLONG: 'the name is too long',
};

function failure(path: string, name: string, cause: unknown): StorageError {
  const reason = REASONS[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
  return new StorageError(
    `cannot write ${path}: ${reason}`,
    { path, step: name },
    { cause, retryable: false },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
