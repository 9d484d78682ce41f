import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { StorageError } from '../errors.ts';
import { codeOf, type Disk, disk as realDisk } from './disk.ts';
import { step } from './failure.ts';
import { ownerPart, signalGroup } from './processes.ts';
import { type Delivered, deliverOne, type Outcome, type Store } from './store.ts';
import { release, writeMessage } from './writing.ts';

export interface ExecOptions {
  /** Where a message waits for its command: a directory that only the owner may read. */
  readonly directory: string;
  /** For the command, all of it; absent: as ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How long the command may take for one message. */
  readonly timeoutMs?: number;
  /** Takes what the command prints; absent: it goes nowhere. */
  readonly output?: (chunk: Uint8Array) => void;
  readonly signal?: AbortSignal;
  readonly disk?: Disk;
}

const TIMEOUT_MS = 5 * 60_000;
/** Between the polite signal and the other one. */
const GRACE_MS = 1_000;
/** sysexits.h: try again later. */
const EX_TEMPFAIL = 75;
/** What a shell returns for a command that it cannot run, or does not find. */
const FROM_SHELL: ReadonlySet<number> = new Set([126, 127]);
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such command',
  EACCES: 'permission denied',
  E2BIG: 'it is too long',
};
/** How much of what the command printed last goes into an error. */
const LAST_WORDS = 300;

interface Waiting {
  readonly name: string;
  readonly fd: number;
  readonly size: number;
}

/**
 * Gives each message to a command on its standard input; it is delivered when that exits with 0. The command is started when
 * the message is whole: one that breaks off on its way never looks like a short one. 75 means later.
 */
export class Exec implements Store {
  readonly together = 1;
  readonly #command: string | readonly string[];
  readonly #options: ExecOptions;
  readonly #disk: Disk;
  #waiting: Waiting[] = [];

  /** An array is run as it is, a string by the shell. */
  constructor(command: string | readonly string[], options: ExecOptions) {
    this.#command = command;
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
  }

  async stage(message: AsyncIterable<Uint8Array>, { name }: { readonly name: string }): Promise<void> {
    const disk = this.#disk;
    const path = join(this.#options.directory, `.message.${ownerPart()}.tmp`);
    const fd = step(path, 'create', () => disk.open(path, 'wx+'));
    try {
      // Without a name it is gone with the last who has it open, whatever becomes of us.
      step(path, 'unlink', () => disk.unlink(path));
      // Written at positions, so that whoever inherits the file reads it from its beginning.
      this.#waiting.push({ name, fd, size: await writeMessage(disk, path, fd, message) });
    } catch (error) {
      release(disk, fd);
      throw error;
    }
  }

  async settle(): Promise<readonly Outcome[]> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const outcomes: Outcome[] = [];
    for (const { name, fd, size } of waiting) {
      const error = await this.#run(fd);
      release(this.#disk, fd);
      outcomes.push(
        error === undefined
          ? { status: 'stored', name, path: null, size }
          : { status: 'failed', name, path: null, size, error },
      );
    }
    return outcomes;
  }

  recorded(): void {}

  discard(): void {
    for (const { fd } of this.#waiting) release(this.#disk, fd);
    this.#waiting = [];
  }

  deliver(message: AsyncIterable<Uint8Array>, as: { readonly name: string }): Promise<Delivered> {
    return deliverOne(this, message, as);
  }

  async close(): Promise<void> {
    this.discard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Why the command did not take it. Never rejects, and never waits much longer than it may. */
  #run(input: number): Promise<StorageError | undefined> {
    const { env, timeoutMs = TIMEOUT_MS, output, signal } = this.#options;
    const [program = '', ...args] = typeof this.#command === 'string' ? [this.#command] : this.#command;
    const shown = typeof this.#command === 'string' ? nameOf(program) : program || 'the command';
    return new Promise((resolve) => {
      let child: ChildProcess;
      try {
        child = spawn(program, args, {
          shell: typeof this.#command === 'string',
          // A group of its own, so that all of it can be ended.
          detached: true,
          stdio: [input, 'pipe', 'pipe'],
          ...(env === undefined ? {} : { env: { ...env } }),
        });
      } catch (cause) {
        resolve(notStarted(shown, cause));
        return;
      }
      let words = '';
      let why: string | undefined;
      let end: NodeJS.Timeout | undefined;
      const timer = setTimeout(() => stop(`is not done after ${Math.round(timeoutMs / 1000)} s`), timeoutMs);
      const onAbort = () => stop('was interrupted');
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();

      function stop(reason: string): void {
        why = reason;
        if (child.pid === undefined) return;
        const group = child.pid;
        signalGroup(group, 'SIGTERM');
        end = setTimeout(() => {
          signalGroup(group, 'SIGKILL');
          finish(refused(shown, reason, true, words));
        }, GRACE_MS);
      }
      function finish(error: StorageError | undefined): void {
        clearTimeout(timer);
        clearTimeout(end);
        signal?.removeEventListener('abort', onAbort);
        // What the command left running may still hold them; nobody waits for it.
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve(error);
      }
      function hear(chunk: Buffer): void {
        words = (words + chunk.toString('latin1')).slice(-LAST_WORDS);
        output?.(chunk);
      }

      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
      child.on('error', (cause) => {
        if (child.pid === undefined) finish(notStarted(shown, cause));
      });
      child.on('exit', (code, killer) => {
        // Its last words are on their way.
        setImmediate(() => {
          if (why !== undefined) {
            // Those that it started may not have heard the polite signal.
            if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
            finish(refused(shown, why, true, words));
          } else if (code === 0) finish(undefined);
          else if (code === null) finish(refused(shown, `was ended by ${killer}`, true, words));
          else {
            const step = FROM_SHELL.has(code) ? 'shell' : 'exec';
            finish(refused(shown, `returned ${code}`, code === EX_TEMPFAIL, words, step));
          }
        });
      });
    });
  }
}

/** A line for the shell without its arguments, which may have a password among them. */
function nameOf(line: string): string {
  return /^\s*([\w./~+-]{1,200})(?=\s|$)/.exec(line)?.[1] ?? 'the command';
}

/** `step` is `start`: no message would fare better. */
function notStarted(command: string, cause: unknown): StorageError {
  const code = codeOf(cause);
  // What Node refuses itself it quotes.
  const reason = REASONS[code] ?? (code.startsWith('ERR_') ? 'it cannot be passed to the system' : code);
  return new StorageError(
    `cannot run ${command}: ${reason}`,
    { path: command, step: 'start' },
    { retryable: false, hint: 'the messages stay on the server until the command can be run' },
  );
}

/** `step` is `shell` where that did not find the command, or could not run it: the message may be as good as any. */
function refused(
  command: string,
  what: string,
  retryable: boolean,
  words: string,
  step: 'exec' | 'shell' = 'exec',
): StorageError {
  const last = words
    .split('\n')
    .map((line) => line.replace(/[^\x20-\x7e]/g, '?').trim())
    .findLast((line) => line !== '');
  const said = last === undefined ? '' : `: ${last}`;
  return new StorageError(`${command} ${what}${said}`, { path: command, step }, { retryable });
}
