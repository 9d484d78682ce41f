import { fstatSync, statSync, writeSync, write as writeToDescriptor } from 'node:fs';
import { devNull } from 'node:os';

/** Everything a run may touch of its surroundings: a test hands in its own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: MessageStream;
  /** Aborted by SIGINT or SIGTERM, with the signal's name as the reason. */
  readonly signal: AbortSignal;
  /**
   * From now on a signal only aborts `signal`: who calls this ends the run without anybody's pressure. Otherwise the
   * process ends a few seconds after the first signal, or with the second.
   */
  takeSignals(): void;
}

export interface InputStream {
  readonly isTTY: boolean;
  /** All of it, once, in chunks; ends early when `signal` is aborted. */
  read(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface OutputStream {
  readonly isTTY: boolean;
  /** Of the terminal; absent when it is none. */
  readonly columns: number | undefined;
  /** Resolves when every octet is written, in the order of the calls; rejects with the system's error. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface MessageStream {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  /** The terminal itself, for what draws on it; absent when it is none. */
  readonly terminal?: NodeJS.WriteStream | undefined;
  /** Written when it returns. A stream that is gone is nobody's concern any more. */
  write(text: string): void;
}

/** The process's own surroundings. Nothing of `process.stdin` and its like is opened before it is used: each costs start-up. */
export function processIo(signal: AbortSignal, takeSignals: () => void): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: {
      get isTTY() {
        return isTerminal(0);
      },
      read: readStdin,
    },
    stdout: new Output(),
    stderr: new Messages(),
    signal,
    takeSignals,
  };
}

async function* readStdin(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { stdin } = process;
  const stop = () => stdin.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted !== true) yield* stdin as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    stdin.destroy();
  }
}

/** Standard output, written directly: `process.stdout` says nothing of a short write to a full disk. */
class Output implements OutputStream {
  #last: Promise<void> = Promise.resolve();

  get isTTY(): boolean {
    return isTerminal(1);
  }

  get columns(): number | undefined {
    // A terminal that does not know its width says 0.
    return this.isTTY ? process.stdout.columns || undefined : undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    const written = this.#last.then(() => writeAll(1, bytes));
    this.#last = written.catch(() => undefined);
    return written;
  }
}

class Messages implements MessageStream {
  get isTTY(): boolean {
    return isTerminal(2);
  }

  get columns(): number | undefined {
    return this.isTTY ? process.stderr.columns || undefined : undefined;
  }

  get terminal(): NodeJS.WriteStream | undefined {
    return this.isTTY ? process.stderr : undefined;
  }

  write(text: string): void {
    writeNow(2, Buffer.from(text, 'utf8'));
  }
}

/** How long to wait before a full pipe that does not block is tried again. */
const FULL_PIPE_MS = 5;

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const count = await new Promise<number>((resolve, reject) => {
      writeToDescriptor(fd, bytes, at, bytes.length - at, null, (error, written) => {
        if (error === null) resolve(written);
        else if (error.code === 'EAGAIN') setTimeout(resolve, FULL_PIPE_MS, 0);
        else reject(error);
      });
    });
    at += count;
  }
}

function writeNow(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}

const terminals = new Map<number, boolean>();

/** Looking at a stream opens it, and brings half of `node:net` with it: only what can be a terminal at all is looked at. */
function isTerminal(fd: 0 | 1 | 2): boolean {
  let known = terminals.get(fd);
  if (known === undefined) {
    known = mayBeTerminal(fd) && ([process.stdin, process.stdout, process.stderr][fd]?.isTTY ?? false);
    terminals.set(fd, known);
  }
  return known;
}

function mayBeTerminal(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    // What cron gives for standard input is a character device, too.
    return status.isCharacterDevice() && status.rdev !== statSync(devNull).rdev;
  } catch {
    return true;
  }
}
