import { dirname, join, sep } from 'node:path';
import { StorageError } from '../errors.ts';
import { codeOf, type Disk, WITHOUT_LINKS } from './disk.ts';
import { failed, step } from './failure.ts';
import { NAME_PATTERN } from './names.ts';
import { ownerRuns } from './processes.ts';
import { type Delivered, deliverOne, type Outcome, type Store } from './store.ts';
import { release, syncDirectory, writeMessage } from './writing.ts';

/** How a directory of messages is laid out: all that a Maildir and a directory of .eml files differ in. */
export interface Layout {
  /** Where messages are written. */
  readonly temporary: string;
  /** Where they appear. */
  readonly target: string;
  /** Where they may be by now. */
  readonly searched: readonly string[];
  /** The file's name for a message, `name` once more in it, with what tells a further text under the same one apart. */
  fileName(name: string): string;
  temporaryName(name: string): string;
}

interface Staged {
  readonly name: string;
  readonly path: string;
  readonly fd: number;
  readonly size: number;
}

/** So many share an fsync of the directory, and are fetched again after a crash. */
const TOGETHER = 64;
const PIECE = 64 * 1024;

/**
 * One file for each message, written under a temporary name, synced, and only then linked to its own, so that nobody ever
 * sees half of one. A message that is there already with the same octets is left as it is.
 */
export class MessageFiles implements Store {
  readonly together = TOGETHER;
  readonly #disk: Disk;
  readonly #layout: Layout;
  #staged: Staged[] = [];
  /** What is there, by the message's name; read when it is first needed. */
  #there: Map<string, string[]> | undefined;

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  async stage(message: AsyncIterable<Uint8Array>, { name }: { readonly name: string }): Promise<void> {
    const disk = this.#disk;
    const path = this.#layout.temporary + sep + this.#layout.temporaryName(name);
    const fd = step(path, 'create', () => disk.open(path, 'wx+'));
    try {
      const size = await writeMessage(disk, path, fd, message);
      this.#staged.push({ name, path, fd, size });
    } catch (error) {
      this.#drop({ path, fd });
      throw error;
    }
  }

  async settle(): Promise<readonly Outcome[]> {
    const batch = this.#staged;
    this.#staged = [];
    const failures = await this.#sync(batch);
    const placed = batch.map((staged, at) => this.#place(staged, failures[at]));
    const outcomes = await Promise.all(placed.map((outcome) => this.#lasting(outcome)));
    const directories = new Set(outcomes.flatMap(({ path }) => (path === null ? [] : [dirname(path)])));
    try {
      for (const directory of directories) await syncDirectory(this.#disk, directory);
    } catch (error) {
      return outcomes.map((outcome) => this.#takeBack(outcome, error));
    }
    return outcomes;
  }

  recorded(): void {}

  discard(): void {
    for (const staged of this.#staged) this.#drop(staged);
    this.#staged = [];
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

  /** What failed, by place in the batch. They wait for libuv's threads, of which the dialogue needs none. */
  async #sync(batch: readonly Staged[]): Promise<readonly (StorageError | undefined)[]> {
    return await Promise.all(
      batch.map(async ({ fd, path }) => {
        try {
          await this.#disk.fsync(fd);
          return undefined;
        } catch (cause) {
          return failed(path, 'fsync', cause);
        }
      }),
    );
  }

  /** Gives a synced message its name, or finds that it has it. */
  #place(staged: Staged, failure: StorageError | undefined): Outcome {
    const { name, size } = staged;
    let open = true;
    try {
      if (failure !== undefined) throw failure;
      const there = this.#same(staged);
      if (there !== undefined) {
        this.#drop(staged);
        return { status: 'duplicate', name, path: there, size };
      }
      open = false;
      step(staged.path, 'close', () => this.#disk.close(staged.fd));
      const path = this.#link(staged);
      this.#known().set(name, [...(this.#known().get(name) ?? []), path]);
      return { status: 'stored', name, path, size };
    } catch (error) {
      if (open) this.#drop(staged);
      else attempt(() => this.#disk.unlink(staged.path));
      return { status: 'failed', name, path: null, size, error: failed(staged.path, 'link', error) };
    }
  }

  #link({ name, path }: Staged): string {
    const copies = this.#known().get(name)?.length ?? 0;
    for (let copy = copies + 1; ; copy++) {
      const file = this.#layout.fileName(copy === 1 ? name : `${name}_${copy}`);
      const target = this.#layout.target + sep + file;
      try {
        this.#disk.link(path, target);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') continue;
        if (!WITHOUT_LINKS.has(codeOf(error))) throw failed(target, 'link', error);
        // There are no links here. Nobody else makes such names, so a look before the rename is enough.
        if (step(target, 'stat', () => this.#disk.lstat(target)) !== undefined) continue;
        step(target, 'rename', () => this.#disk.rename(path, target));
        return target;
      }
      try {
        this.#disk.unlink(path);
      } catch {
        // The message has its name. The other one is in the way of nobody, and goes at a later start.
      }
      return target;
    }
  }

  /** Where the same octets are under the same name. The server may have given the unique-id of one message to another. */
  #same(staged: Staged): string | undefined {
    if (!this.#known().has(staged.name)) return undefined;
    const look = () =>
      this.#known()
        .get(staged.name)
        ?.find((path) => this.#sameOctets(staged, path));
    const found = look();
    if (found !== undefined) return found;
    // A reader may have moved it from new/ to cur/, or given it flags.
    this.#there = undefined;
    return look();
  }

  #sameOctets({ fd, size, path: own }: Staged, path: string): boolean {
    const disk = this.#disk;
    const other = attempt(() => disk.open(path, 'r'));
    if (other === undefined) return false;
    try {
      if (disk.fstat(other).size !== size) return false;
      const [mine, theirs] = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)];
      for (let at = 0; at < size; at += PIECE) {
        const length = Math.min(PIECE, size - at);
        readAll(disk, fd, mine.subarray(0, length), at);
        readAll(disk, other, theirs.subarray(0, length), at);
        if (mine.compare(theirs, 0, length, 0, length) !== 0) return false;
      }
      return true;
    } catch (cause) {
      throw failed(own, 'read', cause);
    } finally {
      release(disk, other);
    }
  }

  /** Whoever left a duplicate may never have synced it, and it is promised for good now. */
  async #lasting(outcome: Outcome): Promise<Outcome> {
    if (outcome.status !== 'duplicate') return outcome;
    const { name, size } = outcome;
    const path = outcome.path ?? '';
    let fd: number | undefined;
    try {
      fd = this.#disk.open(path, 'r');
      await this.#disk.fsync(fd);
      return outcome;
    } catch (cause) {
      return { status: 'failed', name, path: null, size, error: failed(path, 'fsync', cause) };
    } finally {
      if (fd !== undefined) release(this.#disk, fd);
    }
  }

  /** A name that may not last is no delivery: it is told as a failure, so it must not stay. */
  #takeBack(outcome: Outcome, error: unknown): Outcome {
    if (outcome.status === 'failed' || outcome.path === null) return outcome;
    if (outcome.status === 'stored') attempt(() => this.#disk.unlink(outcome.path ?? ''));
    this.#there = undefined;
    return {
      status: 'failed',
      name: outcome.name,
      path: null,
      size: outcome.size,
      error: failed(this.#layout.target, 'fsync', error),
    };
  }

  #known(): Map<string, string[]> {
    if (this.#there !== undefined) return this.#there;
    const there = new Map<string, string[]>();
    for (const directory of this.#layout.searched) {
      for (const file of step(directory, 'readdir', () => this.#disk.readdir(directory))) {
        const name = MESSAGE_NAME.exec(file)?.[1];
        // A dot begins what is only on its way.
        if (name === undefined || file.startsWith('.')) continue;
        const path = join(directory, file);
        const paths = there.get(name);
        if (paths === undefined) there.set(name, [path]);
        else paths.push(path);
      }
    }
    this.#there = there;
    return there;
  }

  #drop({ fd, path }: { readonly fd: number; readonly path: string }): void {
    release(this.#disk, fd);
    attempt(() => this.#disk.unlink(path));
  }
}

const MESSAGE_NAME = new RegExp(`(?:^|[.-])${NAME_PATTERN}\\.`);

const DAY_MS = 24 * 60 * 60 * 1000;
/** The Maildir page's time, after which anybody may remove what lies in tmp/. */
const LEFT_BEHIND_MS = 1.5 * DAY_MS;

/**
 * Removes what a run that was killed left in `directory`: files of this account (`prefix`) and machine whose process is gone,
 * and with `others` any file that nobody touched for 36 hours. What cannot be removed stays.
 */
export function sweep(
  disk: Disk,
  directory: string,
  { prefix, host, others, now }: { prefix: string; host: string; others: boolean; now: number },
): void {
  for (const file of step(directory, 'readdir', () => disk.readdir(directory))) {
    const ours = file.includes(`${prefix}-`) && file.endsWith(host);
    if (!ours && !others) continue;
    const path = join(directory, file);
    const there = attempt(() => disk.lstat(path));
    if (there === undefined || !there.isFile()) continue;
    const old = now - Math.max(there.atimeMs, there.mtimeMs, there.ctimeMs) > LEFT_BEHIND_MS;
    if (old || (ours && ownerRuns(file) === false)) attempt(() => disk.unlink(path));
  }
}

function readAll(disk: Disk, fd: number, into: Uint8Array, position: number): void {
  for (let at = 0; at < into.length; ) {
    const read = disk.read(fd, into.subarray(at), position + at);
    if (read === 0) throw new Error('the file became shorter');
    at += read;
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** A place that cannot be used as it is, with what to do. */
export function unfit(path: string, what: string, hint: string): StorageError {
  return new StorageError(`${path} ${what}`, { path, step: 'open' }, { retryable: false, hint });
}
