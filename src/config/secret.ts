/**
 * Getting hold of a password or token. It, and the command that prints it, live in the private field of one class: nothing that
 * is thrown, printed or serialised has them.
 */
import { ConfigError, InterruptedError } from '../errors.ts';
import { readAtMost, reasonOf, refusePipe } from './env-files.ts';
import type { SecretNoun } from './settings.ts';
import { BadValue, PARSE_SECRET } from './values.ts';

/** A file, command or stream that gives more than this is not giving a secret. */
export const MAX_SECRET_SOURCE = 64 * 1024;
/** How long a secret's command may take; it may have to ask somebody. */
export const COMMAND_TIMEOUT_MS = 30_000;

/** The outside, as far as a secret may come from there. */
export interface SecretIo {
  /** Standard input, for `--smtp-password-stdin`. */
  readonly stdin?: AsyncIterable<Uint8Array | string>;
  /** Takes one sentence for stderr. */
  warn(text: string): void;
  /** Where the command's stderr goes; to that of this process when absent. */
  readonly commandStderr?: (chunk: Uint8Array) => void;
  /** The command's environment; that of this process when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; 30 s when absent. */
  readonly commandTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type SecretKind = 'text' | 'file' | 'command' | 'stdin';

/** Where a password or token is to be had. Only `read` brings it out. */
export class SecretSource {
  readonly kind: SecretKind;
  /** Where the source was stated, as in `flag --smtp-password-file`. */
  readonly place: string;
  readonly noun: SecretNoun;
  readonly #what: string | readonly string[];

  /** `what`: the secret itself, the path or the command (a string goes through `sh -c`, an array does not); else ''. */
  constructor(
    kind: SecretKind,
    place: string,
    what: string | readonly string[],
    noun: SecretNoun = 'password',
  ) {
    this.kind = kind;
    this.place = place;
    this.#what = what;
    this.noun = noun;
  }

  /**
   * The secret: one line, not empty, without its line ending. ConfigError when there is none; the message says where
   * it should have come from, and nothing of what did.
   */
  async read(io: SecretIo): Promise<string> {
    if (io.signal?.aborted === true) throw this.#interrupted();
    const what = this.#what;
    switch (this.kind) {
      case 'text':
        return this.#accept(String(what));
      case 'file':
        return this.#accept(await this.#fromFile(String(what), io));
      case 'command':
        return this.#accept(await this.#fromCommand(what, io));
      case 'stdin':
        return this.#accept(await this.#fromStdin(io));
    }
  }

  #accept(given: string | Buffer): string {
    let text: string;
    try {
      text = typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given);
    } catch {
      throw this.#error(`the ${this.noun} is not UTF-8 text`);
    }
    if (this.kind !== 'text') text = text.replace(/\r?\n$/, '');
    if (text === '') throw this.#error(`the ${this.noun} is empty`);
    try {
      return PARSE_SECRET[this.noun](text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      throw this.#error(
        error.message,
        this.kind === 'text' ? undefined : `give the ${this.noun} alone, on one line`,
      );
    }
  }

  // The path is in none of these messages: people have put the password itself in its place.
  async #fromFile(path: string, io: SecretIo): Promise<Buffer> {
    const [{ open }, { homedir, platform }] = await Promise.all([
      import('node:fs/promises'),
      import('node:os'),
    ]);
    let bytes: Buffer | undefined;
    let mode: number;
    try {
      const place = path.startsWith('~/') ? homedir() + path.slice(1) : path;
      await refusePipe(place);
      const file = await open(place, 'r');
      try {
        const stat = await file.stat();
        mode = stat.isFile() && platform() !== 'win32' ? stat.mode & 0o777 : 0;
        bytes = await readAtMost(file, MAX_SECRET_SOURCE);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw this.#error(
        `cannot read the ${this.noun} file: ${reasonOf(error)}`,
        'check the name of the file',
      );
    }
    if (bytes === undefined) throw this.#tooLong();
    if ((mode & 0o077) !== 0) {
      const octal = mode.toString(8).padStart(4, '0');
      io.warn(
        `${this.place}: other users may read or change the ${this.noun} file (mode ${octal}): chmod 600 it`,
      );
    }
    return bytes;
  }

  async #fromCommand(command: string | readonly string[], io: SecretIo): Promise<Buffer> {
    const { runForOutput } = await import('./command.ts');
    const ended = await runForOutput(command, {
      limit: MAX_SECRET_SOURCE,
      timeoutMs: io.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
      ...(io.env === undefined ? {} : { env: io.env }),
      ...(io.commandStderr === undefined ? {} : { stderr: io.commandStderr }),
      ...(io.signal === undefined ? {} : { signal: io.signal }),
    });
    switch (ended.how) {
      case 'done':
        return ended.output;
      case 'failed':
        throw this.#error(
          `the ${this.noun} command ended with ${ended.reason}`,
          'run it by hand to see what is wrong',
        );
      case 'not-started':
        throw this.#error(`the ${this.noun} command cannot be run: ${reasonOf(ended.error)}`);
      case 'timeout':
        throw this.#error(`the ${this.noun} command took too long, and was ended`);
      case 'too-long':
        throw this.#tooLong();
      case 'aborted':
        throw this.#interrupted();
    }
  }

  async #fromStdin(io: SecretIo): Promise<Buffer> {
    if (io.stdin === undefined) throw this.#error(`there is no standard input to read the ${this.noun} from`);
    const chunks: Buffer[] = [];
    let size = 0;
    const signal = io.signal;
    const iterator = io.stdin[Symbol.asyncIterator]();
    const aborted = new Promise<'aborted'>((resolve) => {
      signal?.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === 'aborted') throw this.#interrupted();
      if (next.done === true) return Buffer.concat(chunks);
      const chunk = Buffer.from(next.value);
      size += chunk.length;
      if (size > MAX_SECRET_SOURCE) throw this.#tooLong();
      chunks.push(chunk);
    }
  }

  #interrupted(): InterruptedError {
    return new InterruptedError(`interrupted while the ${this.noun} was read`, { stage: 'config' });
  }

  #tooLong(): ConfigError {
    return this.#error(`more than ${MAX_SECRET_SOURCE} bytes came: this is no ${this.noun}`);
  }

  #error(message: string, hint?: string): ConfigError {
    return new ConfigError(`${this.place}: ${message}`, { stage: 'config', hint });
  }
}

/** The password or token of `account` (`noun` says which), or undefined where none is needed. See `SecretSource.read`. */
export async function readSecret(
  account: { readonly secret?: SecretSource | undefined },
  io: SecretIo,
): Promise<string | undefined> {
  return account.secret?.read(io);
}
