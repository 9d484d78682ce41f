import { createReadStream, promises as fs, openSync, read, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError, InterruptedError, StorageError } from '../../errors.ts';
import { bytesSource, fileAttachment, type Source } from '../../mime/index.ts';
import type { Context } from '../context.ts';

/** So much of standard input stays in memory; more goes to a file, because its size has to be known before it is sent. */
export const IN_MEMORY = 1024 * 1024;
const READ_OCTETS = 256 * 1024;
/** How long to wait for the first octet before a person is told what is waited for. */
const SILENCE_MS = 2_000;

/** What stands in the file `path`, or in standard input for `-`: measured, and read when its turn comes. */
export async function bodySource(ctx: Context, path: string, what: string): Promise<Source> {
  if (path === '-') return spoolStdin(ctx, what);
  const found = await fs.stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    throw new InputError(`cannot read ${path}: it is a folder`, { stage: 'compose', hint: 'name a file' });
  }
  // A pipe, such as the shell's <(command), can be read once and has no size.
  if (found?.isFile() === false) return spool(ctx, createReadStream(path));
  return fileAttachment(path);
}

/** Reads standard input to its end. A person at a terminal who may not know that it is waited for is told (`what`). */
export async function spoolStdin(ctx: Context, what: string): Promise<Source> {
  const patience = setTimeout(() => {
    if (ctx.output.stderrIsTTY) ctx.output.note(`reading ${what} from standard input`);
  }, SILENCE_MS);
  patience.unref();
  try {
    return await spool(ctx, ctx.io.stdin.read(ctx.signal), () => clearTimeout(patience));
  } finally {
    clearTimeout(patience);
  }
}

async function spool(
  ctx: Context,
  input: AsyncIterable<Uint8Array>,
  onData: () => void = () => {},
): Promise<Source> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let file: TemporaryFile | undefined;
  for await (const chunk of input) {
    onData();
    size += chunk.length;
    if (size <= IN_MEMORY) {
      chunks.push(chunk);
      continue;
    }
    if (file === undefined) {
      file = new TemporaryFile();
      for (const earlier of chunks) file.write(earlier);
    }
    file.write(chunk);
  }
  if (ctx.signal.aborted)
    throw new InterruptedError('interrupted while the input was read', { stage: 'compose' });
  const spooled = file;
  return spooled === undefined ? bytesSource(Buffer.concat(chunks)) : { size, open: () => spooled.read() };
}

/** A file that has lost its name as soon as it is open: nothing is left behind, however the process ends. */
class TemporaryFile {
  readonly #fd: number;
  /** `wx` refuses a name that is taken, also by a link: it need not be hard to guess. */
  readonly #path = join(tmpdir(), `mailtool-${process.pid}-${Math.random().toString(36).slice(2)}`);

  constructor() {
    try {
      this.#fd = openSync(this.#path, 'wx+', 0o600);
      unlinkSync(this.#path);
    } catch (cause) {
      throw failure('open', this.#path, cause);
    }
  }

  write(chunk: Uint8Array): void {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at);
    } catch (cause) {
      throw failure('write', this.#path, cause);
    }
  }

  /** A chunk is only good until the next is asked for: one buffer serves the whole file. */
  async *read(): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafe(READ_OCTETS);
    for (let at = 0; ; ) {
      const octets = await new Promise<number>((resolve, reject) => {
        read(this.#fd, buffer, 0, buffer.length, at, (error, count) => {
          if (error === null) resolve(count);
          else reject(failure('read', this.#path, error));
        });
      });
      if (octets === 0) return;
      at += octets;
      yield buffer.subarray(0, octets);
    }
  }
}

function failure(step: string, path: string, cause: unknown): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    `cannot ${step} a temporary file for standard input: ${reason}`,
    { path, step },
    {
      cause,
      hint: 'TMPDIR says where such files go',
    },
  );
}
