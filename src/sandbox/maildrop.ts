/** The one maildrop of the sandbox: messages are files, read and written in pieces. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError, StorageError } from '../errors.ts';
import { OctetCounter } from './wire.ts';

/** The envelope a message came with. */
export interface SandboxEnvelope {
  /** '' is the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
}

/** A message in the maildrop. */
export interface SandboxMessage extends SandboxEnvelope {
  /** As UIDL gives it (RFC 1939 7). */
  readonly uniqueId: string;
  /** Octets as LIST states them: with all lines ending in CRLF. */
  readonly size: number;
  readonly receivedAt: Date;
  /** The file that holds exactly the bytes that were received. */
  readonly path: string;
  /** The whole message in memory. */
  read(): Promise<Buffer>;
  /** The message in pieces. */
  stream(): AsyncIterable<Uint8Array>;
}

const SUFFIX = '.eml';
const NO_ENVELOPE: SandboxEnvelope = { reversePath: '', recipients: [] };

class StoredMessage implements SandboxMessage {
  readonly uniqueId: string;
  readonly size: number;
  readonly receivedAt: Date;
  readonly path: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];

  constructor(path: string, size: number, receivedAt: Date, envelope: SandboxEnvelope) {
    this.uniqueId = uniqueIdOf(path);
    this.size = size;
    this.receivedAt = receivedAt;
    this.path = path;
    this.reversePath = envelope.reversePath;
    this.recipients = envelope.recipients;
  }

  read(): Promise<Buffer> {
    return readFile(this.path);
  }

  stream(): AsyncIterable<Uint8Array> {
    return createReadStream(this.path);
  }
}

/** A POP3 session's view: what was there at login, locked until `release` (RFC 1939 4). */
export interface Snapshot {
  readonly messages: readonly SandboxMessage[];
  /** Removes messages from the maildrop; false when not all of them could be removed. */
  remove(messages: readonly SandboxMessage[]): Promise<boolean>;
  release(): void;
}

export class Maildrop {
  readonly directory: string;
  /** Called after a message has arrived or gone. */
  onChange: () => void = () => {};
  #messages: SandboxMessage[] = [];
  #locked = false;
  #serial = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Opens `directory`, made (mode 0700) where it is missing; its `*.eml` files are the first messages. */
  static async open(directory: string): Promise<Maildrop> {
    const maildrop = new Maildrop(directory);
    let names: string[];
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const entries = await readdir(directory, { withFileTypes: true });
      names = entries
        .filter((entry) => entry.isFile() && entry.name.endsWith(SUFFIX))
        .map((entry) => entry.name);
    } catch (cause) {
      throw new StorageError(
        `cannot use ${directory} as the maildrop`,
        { path: directory, step: 'open' },
        { cause },
      );
    }
    for (const name of names.sort()) await maildrop.#takeUp(join(directory, name));
    return maildrop;
  }

  /** All messages, oldest first. */
  messages(): readonly SandboxMessage[] {
    return [...this.#messages];
  }

  /** Stores a message whole or not at all; an error of `source` passes through. */
  async deposit(source: AsyncIterable<Uint8Array>, envelope = NO_ENVELOPE): Promise<SandboxMessage> {
    const receivedAt = new Date();
    this.#serial += 1;
    const name = [
      receivedAt.getTime().toString(36).padStart(9, '0'),
      this.#serial.toString(36).padStart(4, '0'),
      randomBytes(4).toString('hex'),
    ].join('-');
    const path = join(this.directory, name + SUFFIX);
    const partial = join(this.directory, `.${name}.part`);
    const counter = new OctetCounter();
    try {
      const file = await open(partial, 'wx', 0o600);
      try {
        for await (const chunk of source) {
          counter.push(chunk);
          await file.writeFile(chunk);
        }
      } finally {
        await file.close();
      }
      await rename(partial, path);
    } catch (error) {
      await unlink(partial).catch(() => {});
      throw error;
    }
    const message = new StoredMessage(path, counter.octets, receivedAt, envelope);
    this.#messages.push(message);
    this.onChange();
    return message;
  }

  /** Stores a copy of a file. */
  async load(path: string): Promise<SandboxMessage> {
    let file: FileHandle;
    try {
      file = await open(path);
      if (!(await file.stat()).isFile()) throw new Error('not a file');
    } catch (cause) {
      throw new InputError(`cannot read the message ${path}`, { cause });
    }
    return await this.deposit(file.createReadStream());
  }

  /** The snapshot for one session, or undefined while another session has it. */
  lock(): Snapshot | undefined {
    if (this.#locked) return undefined;
    this.#locked = true;
    let held = true;
    return {
      messages: this.messages(),
      remove: (messages) => this.remove(messages),
      release: () => {
        if (held) this.#locked = false;
        held = false;
      },
    };
  }

  /** Removes messages; false when not all of them could be removed. One that is gone already counts as removed. */
  async remove(messages: readonly SandboxMessage[]): Promise<boolean> {
    const removed = new Set<string>();
    for (const message of messages) {
      try {
        await unlink(message.path);
        removed.add(message.path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') removed.add(message.path);
      }
    }
    this.#messages = this.#messages.filter((message) => !removed.has(message.path));
    if (removed.size > 0) this.onChange();
    return removed.size === messages.length;
  }

  async #takeUp(path: string): Promise<void> {
    const counter = new OctetCounter();
    try {
      const file = await open(path);
      const { mtime } = await file.stat();
      for await (const chunk of file.createReadStream()) counter.push(chunk as Uint8Array);
      this.#messages.push(new StoredMessage(path, counter.octets, mtime, NO_ENVELOPE));
    } catch (cause) {
      throw new StorageError(`cannot read the message ${path}`, { path, step: 'open' }, { cause });
    }
  }
}

/** The file name where RFC 1939 7 allows it as a unique-id (1 to 70 octets of 0x21-0x7E), else its digest. */
function uniqueIdOf(path: string): string {
  const stem = basename(path, SUFFIX);
  return /^[\x21-\x7e]{1,63}$/.test(stem)
    ? stem
    : createHash('sha256').update(stem).digest('hex').slice(0, 64);
}
