import { dirname } from 'node:path';
import { StorageError } from '../errors.ts';
import { type Disk, disk as realDisk } from './disk.ts';
import { failed, step } from './failure.ts';
import { readJournal } from './journal-file.ts';
import { type Entry, headerOf, idOf, keyOf, lineOf, type MessageState } from './journal-line.ts';
import type { MessageId } from './names.ts';
import { release, syncDirectory, writeAll } from './writing.ts';

export type { Entry, MessageState };

/** After so many failures in a row a message is left alone, and only named at each run. */
export const SET_ASIDE_AFTER = 5;
/** Servers that show a window of the maildrop bring back what was gone (RFC 1939 8 leaves them free). */
const FORGET_AFTER_S = 30 * 24 * 60 * 60;
/** Fewer known ids than this say nothing when all of them are gone. */
const FEW = 10;
/** Lines that say nothing any more before a journal is written anew. */
const SLACK = 1_000;
const BLOCK = 1024 * 1024;

export interface JournalOptions {
  /** Whose it is, for the header and for errors: `user@host:port`. */
  readonly account: string;
  /** To look only: nothing is repaired, and nothing can be written. */
  readonly readOnly?: boolean;
  readonly disk?: Disk;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** How a listing compares with what is known. */
export interface Comparison {
  /** Ids that were in the last listing and were not deleted since. */
  readonly known: number;
  /** Of these, how many are in this one. */
  readonly common: number;
  /** Ids in this listing that nothing is known of. */
  readonly unknown: number;
  /** As if the server had given new unique-ids to old messages: nearly all that was known is gone, and as much is new. */
  readonly reset: boolean;
}

/**
 * What is known of an account's messages: a file that only grows, by lines that are on the disk when the promise of whoever
 * wrote them resolves. A run that is killed leaves half a line at most, which is cut off. To be used under the account's lock.
 */
export class Journal implements AsyncDisposable {
  readonly path: string;
  /** Lines that could not be read; what they said is lost, and may be fetched once more. */
  readonly damaged: number;
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #entries: Map<string, Entry>;
  readonly #fd: number | undefined;
  #size: number;
  /** Whether there may be something behind `#size`. */
  #ragged = false;
  #closed = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    path: string,
    at: { disk: Disk; now: () => number; fd: number | undefined; size: number },
    content: { entries: Map<string, Entry>; damaged: number },
  ) {
    this.path = path;
    this.damaged = content.damaged;
    this.#entries = content.entries;
    this.#disk = at.disk;
    this.#now = at.now;
    this.#fd = at.fd;
    this.#size = at.size;
  }

  /**
   * Reads the journal, makes it where there is none, and writes it anew where most of it is out of date. One that is no
   * journal, of another account or mostly damaged is a `ConfigError`: it is never begun anew unasked.
   */
  static async open(path: string, options: JournalOptions): Promise<Journal> {
    const { account, readOnly = false, disk = realDisk, now = Date.now } = options;
    const content = readJournal(disk, path, account);
    const lines = content.lines;
    const before = Math.floor(now() / 1000) - FORGET_AFTER_S;
    for (const [key, { absentSince }] of content.entries)
      if (absentSince !== 0 && absentSince < before) content.entries.delete(key);
    if (readOnly) return new Journal(path, { disk, now, fd: undefined, size: 0 }, content);
    let size = content.size;
    if (size === 0 || lines > 2 * content.entries.size + SLACK)
      size = await rewrite(disk, path, account, content.entries);
    const fd = step(path, 'open', () => disk.open(path, 'r+'));
    try {
      step(path, 'truncate', () => disk.fstat(fd).size > size && disk.truncate(fd, size));
    } catch (error) {
      release(disk, fd);
      throw error;
    }
    return new Journal(path, { disk, now, fd, size }, content);
  }

  /** How many messages it knows of. */
  get size(): number {
    return this.#entries.size;
  }

  get(id: MessageId): Entry | undefined {
    return this.#entries.get(keyOf(id));
  }

  /** What is set aside, and whatever else is to be gone through: every id with what is known of it. */
  *[Symbol.iterator](): IterableIterator<readonly [id: MessageId, entry: Entry]> {
    for (const [key, entry] of this.#entries) yield [idOf(key), entry];
  }

  /** Whether this message failed so often that it is left alone. */
  isSetAside(id: MessageId): boolean {
    return (this.get(id)?.failures ?? 0) >= SET_ASIDE_AFTER;
  }

  /** Compares a whole listing with the last one; to be asked before `observe`. */
  compare(listing: readonly MessageId[]): Comparison {
    let known = 0;
    for (const { state, absentSince } of this.#entries.values())
      if (absentSince === 0 && state !== 'delete-pending' && state !== 'deleted') known++;
    let common = 0;
    let unknown = 0;
    for (const id of listing) {
      const entry = this.get(id);
      if (entry === undefined) unknown++;
      else if (entry.absentSince === 0 && entry.state !== 'delete-pending' && entry.state !== 'deleted')
        common++;
    }
    return { known, common, unknown, reset: known >= FEW && common * 20 <= known && unknown * 2 >= known };
  }

  /**
   * Takes note of a whole listing: what is new, what is gone, what is back. What is gone is remembered for 30 days. A message
   * whose deletion was pending and that is gone is deleted.
   */
  async observe(listing: readonly MessageId[]): Promise<void> {
    const now = this.#seconds();
    const changes = new Map<string, Entry>();
    const here = new Set(listing.map(keyOf));
    for (const key of here) {
      const entry = this.#entries.get(key);
      if (entry === undefined)
        changes.set(key, { state: 'new', firstSeen: now, absentSince: 0, failures: 0 });
      else if (entry.absentSince !== 0) changes.set(key, { ...entry, absentSince: 0 });
    }
    for (const [key, entry] of this.#entries) {
      if (entry.absentSince !== 0 || here.has(key)) continue;
      const state = entry.state === 'delete-pending' ? 'deleted' : entry.state;
      changes.set(key, { ...entry, state, absentSince: now });
    }
    await this.#append(changes);
  }

  /** They are where mail belongs, for good: only now may they be deleted. */
  async stored(ids: readonly MessageId[]): Promise<void> {
    await this.#mark(ids, 'stored');
  }

  /** Their deletion is about to be asked for. To be recorded before QUIT, whose answer may be lost. */
  async deletePending(ids: readonly MessageId[]): Promise<void> {
    await this.#mark(ids, 'delete-pending');
  }

  /** QUIT's `+OK` came. What is in a later listing all the same was not deleted. */
  async deleted(ids: readonly MessageId[]): Promise<void> {
    await this.#mark(ids, 'deleted');
  }

  /** They could not be fetched or stored, for a reason of their own. What is stored already stays so. */
  async failed(ids: readonly MessageId[]): Promise<void> {
    const changes = new Map<string, Entry>();
    for (const id of ids) {
      const entry = this.get(id) ?? this.#fresh();
      if (entry.state !== 'new' && entry.state !== 'failed') continue;
      changes.set(keyOf(id), { ...entry, state: 'failed', failures: entry.failures + 1 });
    }
    await this.#append(changes);
  }

  /** Tries them again from the start, also what is set aside. */
  async retry(ids: readonly MessageId[]): Promise<void> {
    await this.#mark(ids, 'new');
  }

  /** Waits for what is being written. Never fails: whoever wrote was told. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#fd !== undefined && !this.#closed) release(this.#disk, this.#fd);
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #mark(ids: readonly MessageId[], state: MessageState): Promise<void> {
    const changes = new Map<string, Entry>();
    for (const id of ids) {
      const entry = this.get(id) ?? this.#fresh();
      if (entry.state !== state || entry.failures !== 0)
        changes.set(keyOf(id), { ...entry, state, failures: 0 });
    }
    await this.#append(changes);
  }

  #fresh(): Entry {
    return { state: 'new', firstSeen: this.#seconds(), absentSince: 0, failures: 0 };
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  /** One after the other; what is said holds only when it is on the disk. */
  async #append(changes: ReadonlyMap<string, Entry>): Promise<void> {
    const turn = this.#writing.then(() => this.#write(changes));
    this.#writing = turn.catch(() => undefined);
    await turn;
  }

  async #write(changes: ReadonlyMap<string, Entry>): Promise<void> {
    if (changes.size === 0) return;
    const fd = this.#fd;
    if (fd === undefined || this.#closed)
      throw new StorageError(`${this.path} is not open for writing`, { path: this.path, step: 'write' });
    if (this.#ragged) step(this.path, 'truncate', () => this.#disk.truncate(fd, this.#size));
    this.#ragged = true;
    const end = writeLines(this.#disk, this.path, fd, this.#size, linesOf(changes));
    try {
      await this.#disk.fsync(fd);
    } catch (cause) {
      throw failed(this.path, 'fsync', cause);
    }
    this.#ragged = false;
    this.#size = end;
    for (const [key, entry] of changes) this.#entries.set(key, entry);
  }
}

function* linesOf(entries: ReadonlyMap<string, Entry>): Generator<string> {
  for (const [key, entry] of entries) yield lineOf(key, entry);
}

/** Writes them in blocks from `position` on, and gives where they end. */
function writeLines(disk: Disk, path: string, fd: number, position: number, lines: Iterable<string>): number {
  let at = position;
  let block: string[] = [];
  let length = 0;
  const flush = () => {
    writeAll(disk, path, fd, Buffer.from(block.join(''), 'latin1'), at);
    at += length;
    block = [];
    length = 0;
  };
  for (const line of lines) {
    block.push(line);
    length += line.length;
    if (length >= BLOCK) flush();
  }
  if (length > 0) flush();
  return at;
}

/** Writes the journal beside its place, and puts it there when it is on the disk. Resolves with its size. */
async function rewrite(
  disk: Disk,
  path: string,
  account: string,
  entries: ReadonlyMap<string, Entry>,
): Promise<number> {
  const fresh = `${path}.tmp`;
  const fd = step(fresh, 'create', () => disk.open(fresh, 'w'));
  let size: number;
  try {
    size = writeLines(disk, fresh, fd, 0, [headerOf(account)]);
    size = writeLines(disk, fresh, fd, size, linesOf(entries));
    await disk.fsync(fd);
  } catch (cause) {
    try {
      disk.unlink(fresh);
    } catch {
      // The next one is written over it.
    }
    throw failed(fresh, 'fsync', cause);
  } finally {
    release(disk, fd);
  }
  step(path, 'rename', () => disk.rename(fresh, path));
  await syncDirectory(disk, dirname(path));
  return size;
}
