import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError, StorageError } from '../../errors.ts';
import type { Transform } from '../../store/mbox-entry.ts';
import type { Output } from '../output.ts';
import { OutputFile } from '../output-file.ts';
import type { Row } from '../selection.ts';

/** Where messages go, one after the other. */
export interface Sink {
  /** Writes one message, and resolves with what is to be told about it: after it is safe, where this sink makes it so. */
  take(row: Row, message: AsyncIterable<Uint8Array>): Promise<Taken>;
  /** All messages came. */
  finish(): Promise<void>;
  /** They did not: what is not safe is taken away. Never fails. */
  abandon(): Promise<void>;
}

export interface Taken {
  readonly path: string | null;
  /** With `--json` and no file. */
  readonly raw?: { readonly base64: string };
}

type MakeTransform = () => Transform;

/** Through standard output, as it is. */
export class StdoutSink implements Sink {
  readonly #output: Output;
  readonly #transform: MakeTransform;

  constructor(output: Output, transform: MakeTransform) {
    this.#output = output;
    this.#transform = transform;
  }

  async take(_: Row, message: AsyncIterable<Uint8Array>): Promise<Taken> {
    await pour(message, this.#transform(), (bytes) => this.#output.bytes(bytes));
    return { path: null };
  }

  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

/** Larger messages belong in a file, not in a JSON string. */
const DOCUMENT_LIMIT = 64 * 1024 * 1024;

/** Into the JSON document. */
export class DocumentSink implements Sink {
  readonly #transform: MakeTransform;
  #room = DOCUMENT_LIMIT;

  constructor(transform: MakeTransform) {
    this.#transform = transform;
  }

  async take({ number }: Row, message: AsyncIterable<Uint8Array>): Promise<Taken> {
    const kept: Buffer[] = [];
    await pour(message, this.#transform(), async (bytes) => {
      this.#room -= bytes.length;
      if (this.#room < 0) {
        throw new DataError(`message ${number} is too large for a JSON document`, {
          hint: 'write it to a file: -o FILE',
        });
      }
      kept.push(Buffer.from(bytes));
    });
    return { path: null, raw: { base64: Buffer.concat(kept).toString('base64') } };
  }

  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

/** Into one file, which has its name only when all of them are in it. */
export class FileSink implements Sink {
  readonly #file: OutputFile;
  readonly #force: boolean;
  readonly #transform: MakeTransform;

  private constructor(file: OutputFile, force: boolean, transform: MakeTransform) {
    this.#file = file;
    this.#force = force;
    this.#transform = transform;
  }

  static async create(path: string, force: boolean, transform: MakeTransform): Promise<FileSink> {
    return new FileSink(await OutputFile.create(path, force), force, transform);
  }

  async take(_: Row, message: AsyncIterable<Uint8Array>): Promise<Taken> {
    await pour(message, this.#transform(), (bytes) => this.#file.write(bytes));
    return { path: this.#file.path };
  }

  async finish(): Promise<void> {
    await this.#file.commit(this.#force);
  }

  async abandon(): Promise<void> {
    await this.#file.discard();
  }
}

/**
 * Into a directory, each under a name that is ours alone: its number, and the beginning of the SHA-256 of the octets, which
 * says at the next run whether it is the same message.
 */
export class DirectorySink implements Sink {
  readonly #directory: string;
  readonly #force: boolean;
  readonly #transform: MakeTransform;
  readonly #digestOf: (number: number) => string;

  private constructor(
    directory: string,
    force: boolean,
    transform: MakeTransform,
    digestOf: (n: number) => string,
  ) {
    this.#directory = directory;
    this.#force = force;
    this.#transform = transform;
    this.#digestOf = digestOf;
  }

  /** `digestOf` gives the SHA-256, in hexadecimal, of a message whose octets have all passed. */
  static async create(
    path: string,
    force: boolean,
    transform: MakeTransform,
    digestOf: (number: number) => string,
  ): Promise<DirectorySink> {
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new StorageError(
        `cannot make the directory ${path}: ${reason}`,
        { path, step: 'mkdir' },
        { cause, retryable: false },
      );
    }
    return new DirectorySink(path, force, transform, digestOf);
  }

  async take({ number }: Row, message: AsyncIterable<Uint8Array>): Promise<Taken> {
    const prefix = String(number).padStart(5, '0');
    const file = await OutputFile.create(join(this.#directory, `${prefix}.eml`), true);
    try {
      await pour(message, this.#transform(), (bytes) => file.write(bytes));
    } catch (error) {
      await file.discard();
      throw error;
    }
    const path = join(dirname(file.path), `${prefix}-${this.#digestOf(number).slice(0, 12)}.eml`);
    // The same octets may be there from a run that broke off, perhaps not on the disk yet: ours are, and take their place.
    return { path: await file.commit(this.#force || (await sameBytes(file.written, path)), path) };
  }

  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

/** Whether both files are there and hold the same octets. */
async function sameBytes(one: string, other: string): Promise<boolean> {
  try {
    const digests = await Promise.all(
      [one, other].map(async (path) => {
        const hash = createHash('sha256');
        for await (const chunk of createReadStream(path)) hash.update(chunk);
        return hash.digest('hex');
      }),
    );
    return digests[0] === digests[1];
  } catch {
    return false;
  }
}

async function pour(
  message: AsyncIterable<Uint8Array>,
  transform: Transform,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for await (const chunk of message) {
    const bytes = transform.push(chunk);
    if (bytes.length > 0) await write(bytes);
  }
  const rest = transform.end();
  if (rest.length > 0) await write(rest);
}
