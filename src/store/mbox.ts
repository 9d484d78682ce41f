import { basename, dirname, join } from 'node:path';
import type { StorageError } from '../errors.ts';
import { type Disk, disk as realDisk } from './disk.ts';
import { failed, step } from './failure.ts';
import { Lock } from './lock.ts';
import { makeDirectories } from './maildir.ts';
import { mboxEntry } from './mbox-entry.ts';
import { digestOf, progress, readAt, readSeal, type Seal, type SpoolEntry, seal } from './mbox-spool.ts';
import { unfit } from './message-files.ts';
import { isOwn, ownerPart, ownerRuns } from './processes.ts';
import { type Delivered, deliverOne, type Outcome, type Store } from './store.ts';
import { release, syncDirectory, writeAll, writeMessage } from './writing.ts';

export interface MboxOptions {
  /** `MessageNames.prefix` of the account. */
  readonly prefix: string;
  readonly disk?: Disk;
  readonly now?: () => number;
  /** How long to wait for another program that has the mailbox locked. */
  readonly lockWaitMs?: number;
}

/** So many share the writing of the spool and of the mailbox. */
const TOGETHER = 64;
const LOCK_WAIT_MS = 30_000;
const COPY = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

interface Spool {
  readonly path: string;
  readonly fd: number;
  entries: SpoolEntry[];
  end: number;
}

interface Recovered {
  readonly path: string;
  readonly missing: Set<string>;
}

/**
 * An mbox file (RFC 4155, mboxrd). Messages are first written whole into a spool beside it, which is on the disk and says
 * where they are about to go before the mailbox is touched. So the next run after a kill cuts off what is half there, and
 * knows what is there already. While it is added to, the mailbox is locked by `FILE.lock`: fcntl is out of reach here.
 */
export class Mbox implements Store {
  readonly path: string;
  readonly together = TOGETHER;
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #options: MboxOptions;
  #spool: Spool | undefined;
  /** The spool of what is settled, until that is recorded. */
  #settled: string | undefined;
  /** What a killed run put into the mailbox, by name; the digests of its text. */
  readonly #there = new Map<string, string>();
  readonly #recovered: Recovered[] = [];
  /** What was settled as being there already, until that is recorded. */
  #repeated: readonly string[] = [];
  /** What is staged, in order. */
  #order: { readonly name: string; readonly size: number; readonly duplicate: boolean }[] = [];

  private constructor(path: string, options: MboxOptions) {
    this.path = path;
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#now = options.now ?? Date.now;
  }

  /** Makes the file where there is none, for its owner only; what does not begin as an mbox is refused. */
  static async open(path: string, options: MboxOptions): Promise<Mbox> {
    const mbox = new Mbox(path, options);
    await mbox.#prepare();
    return mbox;
  }

  async stage(message: AsyncIterable<Uint8Array>, { name }: { readonly name: string }): Promise<void> {
    this.#spool ??= this.#begin();
    const { path, fd, end: start } = this.#spool;
    const disk = this.#disk;
    let size = 0;
    const counted = async function* () {
      for await (const chunk of message) {
        size += chunk.length;
        yield chunk;
      }
    };
    let length: number;
    try {
      length = await writeMessage(disk, path, fd, mboxEntry(counted(), new Date(this.#now())), start);
    } catch (error) {
      // The next message is written over it; without one, nothing seals it.
      attempt(() => disk.truncate(fd, start));
      throw error;
    }
    const entry = { name, start, length, size };
    const digest = this.#there.get(name);
    if (digest !== undefined && digest === step(path, 'read', () => digestOf(disk, fd, entry))) {
      this.#order.push({ name, size, duplicate: true });
      return; // the next message is written over it
    }
    this.#order.push({ name, size, duplicate: false });
    this.#spool.entries.push(entry);
    this.#spool.end += length;
  }

  async settle(): Promise<readonly Outcome[]> {
    const spool = this.#spool;
    const order = this.#order;
    this.#spool = undefined;
    this.#order = [];
    this.recorded();
    this.#repeated = order.filter(({ duplicate }) => duplicate).map(({ name }) => name);
    let why: StorageError | undefined;
    if (spool !== undefined && spool.entries.length > 0) {
      try {
        await this.#add(spool);
        release(this.#disk, spool.fd);
        this.#settled = spool.path;
      } catch (error) {
        why = failed(this.path, 'write', error);
      }
    }
    if (spool !== undefined && this.#settled !== spool.path) this.#remove(spool);
    return order.map(({ name, size, duplicate }): Outcome => {
      if (!duplicate && why !== undefined) return { status: 'failed', name, path: null, size, error: why };
      return { status: duplicate ? 'duplicate' : 'stored', name, path: this.path, size };
    });
  }

  recorded(): void {
    if (this.#settled !== undefined) this.#unlink(this.#settled);
    this.#settled = undefined;
    for (const name of this.#repeated) for (const { missing } of this.#recovered) missing.delete(name);
    this.#repeated = [];
  }

  discard(): void {
    if (this.#spool !== undefined) this.#remove(this.#spool);
    this.#spool = undefined;
    this.#order = [];
  }

  deliver(message: AsyncIterable<Uint8Array>, as: { readonly name: string }): Promise<Delivered> {
    return deliverOne(this, message, as);
  }

  async close(): Promise<void> {
    this.discard();
    // Nobody recorded it: the next run is to know what is there.
    if (this.#settled !== undefined) inUse.delete(this.#settled);
    for (const { path, missing } of this.#recovered) if (missing.size === 0) this.#unlink(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #prepare(): Promise<void> {
    const { path } = this;
    const disk = this.#disk;
    const there = step(path, 'stat', () => disk.stat(path));
    if (there !== undefined && !there.isFile())
      throw unfit(path, 'is no file, and so no mbox', 'name a file; a directory can be a Maildir');
    if (there === undefined) {
      await makeDirectories(disk, dirname(path));
      release(
        disk,
        step(path, 'create', () => disk.open(path, 'a')),
      );
      await syncDirectory(disk, dirname(path));
    } else if (there.size > 0) {
      const fd = step(path, 'open', () => disk.open(path, 'r'));
      const first = readAt(disk, fd, 0, 5).toString('latin1');
      release(disk, fd);
      if (first !== 'From ')
        throw unfit(path, 'is no mbox: it does not begin with "From "', 'name another file');
    }
    if (this.#leftSpools().length > 0) {
      using _lock = await this.#lock();
      await this.#recover();
    }
  }

  #begin(): Spool {
    const path = join(
      dirname(this.path),
      `.${basename(this.path)}.${this.#options.prefix}.${ownerPart()}.spool`,
    );
    const fd = step(path, 'create', () => this.#disk.open(path, 'wx+'));
    inUse.add(path);
    return { path, fd, entries: [], end: 0 };
  }

  #lock(): Promise<Lock> {
    return Lock.acquire(`${this.path}.lock`, {
      what: this.path,
      disk: this.#disk,
      waitMs: this.#options.lockWaitMs ?? LOCK_WAIT_MS,
    });
  }

  /** Adds a spool's text to the mailbox: all of it, or nothing. */
  async #add(spool: Spool): Promise<void> {
    const disk = this.#disk;
    const { path } = this;
    using lock = await this.#lock();
    if (lock.inherited) await this.#recover();
    const fd = step(path, 'open', () => disk.open(path, 'a+'));
    try {
      const offset = disk.fstat(fd).size;
      const gap = gapAfter(readAt(disk, fd, Math.max(0, offset - 2), 2).toString('latin1'));
      const content: Seal = { offset, gap, length: spool.end, entries: spool.entries };
      step(spool.path, 'truncate', () => disk.truncate(spool.fd, spool.end));
      seal(disk, spool.path, spool.fd, content);
      await disk.fsync(spool.fd).catch((cause) => Promise.reject(failed(spool.path, 'fsync', cause)));
      await syncDirectory(disk, dirname(spool.path));
      let at = offset;
      try {
        writeAll(disk, path, fd, Buffer.from(gap), at);
        at += gap.length;
        at += await writeMessage(disk, path, fd, blocksOf(disk, spool), at);
        await disk.fsync(fd).catch((cause) => Promise.reject(failed(path, 'fsync', cause)));
      } catch (error) {
        await this.#cutOff(spool.fd, fd, content);
        throw error;
      }
    } finally {
      release(disk, fd);
    }
  }

  /** Takes back what is ours at the end, and nothing that somebody added without asking for the lock. */
  async #cutOff(spool: number, fd: number, content: Seal): Promise<void> {
    const { offset, gap, length } = content;
    try {
      const state = progress(this.#disk, spool, fd, content);
      const end = offset + gap.length + length;
      if (state !== 'part' && !(state === 'all' && this.#disk.fstat(fd).size === end)) return;
      this.#disk.truncate(fd, offset);
      await this.#disk.fsync(fd);
    } catch {
      // The error that led here is the one to tell.
    }
  }

  /** Sets right what killed runs left, of any account; under the mailbox's lock. */
  async #recover(): Promise<void> {
    const disk = this.#disk;
    for (const { path, ours } of this.#leftSpools()) {
      const fd = step(path, 'open', () => disk.open(path, 'r'));
      const mbox = step(this.path, 'open', () => disk.open(this.path, 'r+'));
      try {
        const content = readSeal(disk, fd);
        const state = content === undefined ? 'nothing' : progress(disk, fd, mbox, content);
        if (content !== undefined && state === 'part') {
          step(this.path, 'truncate', () => disk.truncate(mbox, content.offset));
          await disk.fsync(mbox);
        }
        if (content !== undefined && state === 'all') {
          if (ours && this.#remember(path, fd, content)) continue;
          if (!ours && !this.#isOld(path)) continue; // its own account will want to know
        }
        disk.unlink(path);
      } catch (cause) {
        throw failed(this.path, 'read', cause);
      } finally {
        release(disk, fd);
        release(disk, mbox);
      }
    }
  }

  /** What is there, in case nobody recorded it. After a day nobody will ask. */
  #remember(path: string, fd: number, { entries }: Seal): boolean {
    if (this.#isOld(path)) return false;
    for (const entry of entries) this.#there.set(entry.name, digestOf(this.#disk, fd, entry));
    if (!this.#recovered.some((known) => known.path === path))
      this.#recovered.push({ path, missing: new Set(entries.map(({ name }) => name)) });
    return true;
  }

  #isOld(path: string): boolean {
    return this.#now() - (this.#disk.lstat(path)?.mtimeMs ?? 0) > DAY_MS;
  }

  #leftSpools(): { readonly path: string; readonly ours: boolean }[] {
    const directory = dirname(this.path);
    const start = `.${basename(this.path)}.mt`;
    const files = step(directory, 'readdir', () => this.#disk.readdir(directory));
    return files.flatMap((file) => {
      if (!file.startsWith(start)) return [];
      const prefix = /\.(mt[0-9a-f]{8})\.[A-Z0-9]+\.spool$/.exec(file)?.[1];
      const path = join(directory, file);
      if (prefix === undefined || inUse.has(path) || (!isOwn(file) && ownerRuns(file) !== false)) return [];
      return [{ path, ours: prefix === this.#options.prefix }];
    });
  }

  #remove({ path, fd }: Spool): void {
    release(this.#disk, fd);
    this.#unlink(path);
  }

  #unlink(path: string): void {
    attempt(() => this.#disk.unlink(path));
    inUse.delete(path);
  }
}

/** Spools of stores in this process that are at work. */
const inUse = new Set<string>();

async function* blocksOf(disk: Disk, { fd, end }: Spool): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < end; at += COPY) yield readAt(disk, fd, at, Math.min(COPY, end - at));
}

/** What an mbox that ends so lacks before the next message. */
function gapAfter(tail: string): string {
  if (tail === '' || tail === '\n\n') return '';
  return tail.endsWith('\n') ? '\n' : '\n\n';
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // It stays, and the next run finds it.
  }
}
