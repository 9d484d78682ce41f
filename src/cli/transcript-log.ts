import { closeSync, openSync, writeSync } from 'node:fs';
import { StorageError } from '../errors.ts';
import type { TranscriptEntry } from '../net/transcript.ts';
import { toTerminalLine } from './terminal.ts';

/** `   0.123 tls C: MAIL FROM:<a@example.org>`: seconds, what protected the line, who said it. */
export function transcriptLine(entry: TranscriptEntry): string {
  const seconds = (entry.elapsedMs / 1000).toFixed(3).padStart(8);
  return `${seconds} ${entry.tls ? 'tls' : '   '} ${entry.direction}: ${toTerminalLine(entry.text)}`;
}

/** The `--log-file`: each run adds a heading and its transcript; only the owner may read a new one. */
export class TranscriptLog {
  readonly #path: string;
  readonly #fd: number;
  readonly #onFailure: (message: string) => void;
  #failed = false;

  constructor(path: string, heading: string, onFailure: (message: string) => void) {
    this.#onFailure = onFailure;
    this.#path = path;
    try {
      this.#fd = openSync(path, 'a', 0o600);
    } catch (cause) {
      throw this.#failure('open', cause);
    }
    this.line(`${new Date().toISOString()} ${heading}`);
  }

  /** A log that cannot be written on does not stop the mail: the first failure is told to `onFailure`, and that is all. */
  line(text: string): void {
    if (this.#failed) return;
    try {
      writeSync(this.#fd, `${text}\n`);
    } catch (cause) {
      this.#failed = true;
      this.#onFailure(this.#failure('write', cause).message);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #failure(step: string, cause: unknown): StorageError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new StorageError(
      `cannot ${step} the log file: ${reason}`,
      { path: this.#path, step },
      { cause, hint: 'name another file with --log-file, or leave it out' },
    );
  }
}
