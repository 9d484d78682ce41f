import type { Disk } from './disk.ts';
import { failed, step } from './failure.ts';

/** From here on a message is written in blocks while the next one fills. */
const LARGE = 1024 * 1024;
const BLOCK = 1024 * 1024;

/** Writes every octet of `bytes` at `position`, or throws a `StorageError`. */
export function writeAll(disk: Disk, path: string, fd: number, bytes: Uint8Array, position: number): void {
  step(path, 'write', () => {
    for (let at = 0; at < bytes.length; ) {
      at += some(disk.write(fd, at === 0 ? bytes : bytes.subarray(at), position + at));
    }
  });
}

/**
 * Writes a message from `position` on and resolves with its size. The source is not asked for more than two blocks ahead of
 * the disk. What it throws is thrown as it is.
 */
export async function writeMessage(
  disk: Disk,
  path: string,
  fd: number,
  message: AsyncIterable<Uint8Array>,
  position = 0,
): Promise<number> {
  let at = position;
  let behind: WriteBehind | undefined;
  try {
    for await (const chunk of message) {
      if (at - position + chunk.length <= LARGE) {
        writeAll(disk, path, fd, chunk, at);
      } else {
        behind ??= new WriteBehind(disk, path, fd, at);
        await behind.push(chunk);
      }
      at += chunk.length;
    }
  } finally {
    // Also after a failure: nobody may close the file under a write.
    await behind?.idle();
  }
  await behind?.end();
  return at - position;
}

/** Two blocks: one fills while the other is written. Chunks are only good until the next is asked for, so they are copied. */
class WriteBehind {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #fd: number;
  #position: number;
  #filling = Buffer.allocUnsafe(BLOCK);
  #spare = Buffer.allocUnsafe(BLOCK);
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, path: string, fd: number, position: number) {
    this.#disk = disk;
    this.#path = path;
    this.#fd = fd;
    this.#position = position;
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK) await this.#next();
    }
  }

  async end(): Promise<void> {
    await this.#next();
    await this.#writing;
  }

  async idle(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #next(): Promise<void> {
    await this.#writing;
    const bytes = this.#filling.subarray(0, this.#filled);
    this.#writing = this.#write(bytes, this.#position);
    this.#writing.catch(() => undefined); // it is awaited at the next block, perhaps later than it fails
    this.#position += bytes.length;
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#filled = 0;
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        at += some(await this.#disk.writeLater(this.#fd, bytes.subarray(at), position + at));
      }
    } catch (cause) {
      throw failed(this.#path, 'write', cause);
    }
  }
}

/** A write that takes nothing and reports nothing would be repeated for ever. */
function some(written: number): number {
  if (written <= 0) throw new Error('nothing more can be written');
  return written;
}

/** Gives a file back that was only read, or is synced: what could go wrong with it has been told. */
export function release(disk: Disk, fd: number): void {
  try {
    disk.close(fd);
  } catch {
    // It is closed all the same.
  }
}

/** A name is only as durable as its directory. Some file systems cannot sync one, and need not. */
export async function syncDirectory(disk: Disk, path: string): Promise<void> {
  let fd: number | undefined;
  try {
    fd = disk.open(path, 'r');
    await disk.fsync(fd);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && CANNOT_SYNC.has(String(cause.code))))
      throw failed(path, 'fsync', cause);
  } finally {
    if (fd !== undefined) release(disk, fd);
  }
}

const CANNOT_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'EISDIR', 'ENOTSUP', 'EOPNOTSUPP']);
