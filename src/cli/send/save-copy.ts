import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { StorageError, UsageError } from '../../errors.ts';
import type { Message } from '../../smtp/index.ts';
import { kindOf, OutputFile } from '../output-file.ts';

/** Of a Maildir. */
const FOLDERS = ['tmp', 'new', 'cur'];

/**
 * A place for a copy of what is sent: a file that is not there yet, or a Maildir, made if it is missing. That it can be
 * written to is found out before anything is sent.
 */
export class SentCopy {
  readonly #file: OutputFile;
  readonly #maildir: string | undefined;
  #form: Message | undefined;

  private constructor(file: OutputFile, maildir: string | undefined) {
    this.#file = file;
    this.#maildir = maildir;
  }

  /** `StorageError` where no copy could be written; a name that ends in a slash is a Maildir's. */
  static async prepare(path: string): Promise<SentCopy> {
    if (path === '' || path === '-') {
      throw new UsageError('--save-copy wants the name of a file or of a Maildir', {
        hint: 'name a file that is not there yet, or end the name in / for a Maildir',
      });
    }
    if (!path.endsWith('/') && (await kindOf(join(path, 'cur'))) !== 'directory') {
      await refuseTaken(path);
      return new SentCopy(await OutputFile.create(path, false), undefined);
    }
    for (const folder of FOLDERS) {
      await step(path, 'mkdir', () => fs.mkdir(join(path, folder), { recursive: true, mode: 0o700 }));
    }
    const host = hostname().replace(/[^\w.-]/g, '_');
    const name = `${Math.floor(Date.now() / 1000)}.${randomBytes(8).toString('hex')}.${host}`;
    return new SentCopy(await OutputFile.create(join(path, 'tmp', name), false), path);
  }

  /** The message to send in place of `message`: the form that the server is given is the one that is kept. */
  watched(message: Message): Message {
    this.#form = message;
    return {
      ...message,
      [Symbol.asyncIterator]: () => message[Symbol.asyncIterator](),
      prepared: async (server) => {
        this.#form = (await message.prepared?.(server)) ?? message;
        return this.#form;
      },
    };
  }

  /** Writes what was sent and gives it its name. Resolves with that. */
  async save(): Promise<string> {
    try {
      for await (const chunk of this.#form ?? []) await this.#file.write(chunk);
    } catch (error) {
      await this.#file.discard();
      throw error;
    }
    const written = await this.#file.commit(false);
    if (this.#maildir === undefined) return written;
    // Seen: it is the copy of what oneself has written.
    const place = join(this.#maildir, 'cur', `${basename(written)}:2,S`);
    await step(place, 'rename', () => fs.rename(written, place));
    return place;
  }

  /** Leaves nothing behind. Never fails. */
  discard(): Promise<void> {
    return this.#file.discard();
  }
}

/** Here nothing is overwritten, whatever is asked for. */
async function refuseTaken(path: string): Promise<void> {
  const there = await kindOf(path);
  if (there !== 'file' && there !== 'directory') return;
  throw new StorageError(
    there === 'file' ? `${path} is there already` : `${path} is a directory`,
    { path, step: 'create' },
    {
      retryable: false,
      hint: there === 'file' ? 'name another file for the copy' : `write ${path}/ to make a Maildir of it`,
    },
  );
}

async function step(path: string, name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      `cannot write ${path}: ${reason}`,
      { path, step: name },
      { cause, retryable: false },
    );
  }
}
