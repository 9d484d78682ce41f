import { utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockedError } from '../errors.ts';
import { codeOf, type Disk, disk as realDisk, WITHOUT_LINKS } from './disk.ts';
import { failed, step } from './failure.ts';
import { hostPart } from './names.ts';
import { beginningOf, isRunning, ownerPart, ownerRuns, pid, processSpace } from './processes.ts';
import { release, writeAll } from './writing.ts';

export interface LockOptions {
  /** What is locked, in words for the error. */
  readonly what: string;
  /** How long to wait for somebody else, in milliseconds; not at all when absent. */
  readonly waitMs?: number;
  readonly disk?: Disk;
  readonly signal?: AbortSignal;
}

/** Where a lock's process cannot be looked at (another machine or container), it counts as gone after so long a silence. */
const SILENCE_MS = 5 * 60_000;
const BEAT_MS = 30_000;
const POLL_MS = 50;
const LONGEST = 1_000;

/**
 * A file that only one process can have: it is made where none is, and holds who made it. One whose process is gone is
 * taken over. The first line is the process number alone, as other programs expect in a mailbox's `.lock`.
 */
export class Lock implements Disposable {
  readonly path: string;
  /** Whether it was taken from a process that was killed: what that was at work on may be half done. */
  readonly inherited: boolean;
  readonly #disk: Disk;
  readonly #text: string;
  readonly #beat: NodeJS.Timeout;
  #held = true;

  private constructor(disk: Disk, path: string, text: string, inherited: boolean) {
    this.path = path;
    this.inherited = inherited;
    this.#disk = disk;
    this.#text = text;
    this.#beat = setInterval(() => touch(path), BEAT_MS).unref();
  }

  /** `LockedError` where somebody else has it, and still has it after `waitMs`. */
  static async acquire(path: string, options: LockOptions): Promise<Lock> {
    const { disk = realDisk, waitMs = 0, signal } = options;
    const patience = performance.now() + waitMs;
    let inherited = false;
    sweepSigned(disk, path);
    for (;;) {
      const text = signature();
      if (make(disk, path, text)) return new Lock(disk, path, text, inherited);
      if (removeStale(disk, path)) {
        inherited = true;
        continue;
      }
      if (performance.now() >= patience) throw locked(disk, path, options.what);
      await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Gives it back. Never fails, and never takes away what is no longer ours. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    clearInterval(this.#beat);
    try {
      const text = read(this.#disk, this.path);
      // One that cannot be read is ours, as far as we know.
      if (text === undefined || text === this.#text) this.#disk.unlink(this.path);
    } catch {
      // Our process will be gone soon, and then it is nobody's.
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

let count = 0;

function signature(): string {
  count++;
  return `${pid}\n${hostPart()} ${processSpace() || '-'} ${beginningOf(pid) || '-'} ${count}\n`;
}

/**
 * Whether it is ours now. It gets its name when it says whose it is: a run that is killed in between must not leave a lock of
 * which nobody can tell that it is left.
 */
function make(disk: Disk, path: string, text: string): boolean {
  const signed = `${path}.${ownerPart()}`;
  write(disk, signed, path, text);
  try {
    disk.link(signed, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!WITHOUT_LINKS.has(codeOf(error))) throw failed(path, 'link', error);
  } finally {
    attemptUnlink(disk, signed);
  }
  try {
    write(disk, path, path, text);
    return true;
  } catch (error) {
    if (error instanceof Error && codeOf(error.cause) === 'EEXIST') return false;
    throw error;
  }
}

/** A new file; nothing of it stays when it cannot be written. */
function write(disk: Disk, file: string, lock: string, text: string): void {
  const fd = step(lock, 'create', () => disk.open(file, 'wx'));
  try {
    writeAll(disk, lock, fd, Buffer.from(text), 0);
  } catch (error) {
    attemptUnlink(disk, file);
    throw error;
  } finally {
    release(disk, fd);
  }
}

function readdir(disk: Disk, path: string): readonly string[] {
  try {
    return disk.readdir(path);
  } catch {
    return []; // what is wrong with it will be told when the lock is made
  }
}

const swept = new Set<string>();

/** Removes what a run left that was killed while it made this lock; once is enough. */
function sweepSigned(disk: Disk, path: string): void {
  if (swept.has(path)) return;
  swept.add(path);
  const directory = dirname(path);
  const start = `${basename(path)}.`;
  for (const file of readdir(disk, directory))
    if (file.startsWith(start) && ownerRuns(`${file}.`) === false) attemptUnlink(disk, join(directory, file));
}

/**
 * Whether a lock of nobody was removed. Two that find the same one must not both remove it, the second of them the lock that
 * the first has made since: so only who holds the guard removes, and looks again under it.
 */
function removeStale(disk: Disk, path: string): boolean {
  if (!isStale(disk, path)) return false;
  const guard = `${path}.takeover`;
  const text = signature();
  if (!make(disk, guard, text)) {
    if (isStale(disk, guard)) attemptUnlink(disk, guard);
    return false;
  }
  try {
    if (!isStale(disk, path)) return false;
    step(path, 'unlink', () => disk.unlink(path));
    return true;
  } finally {
    attemptUnlink(disk, guard);
  }
}

function isStale(disk: Disk, path: string): boolean {
  const text = read(disk, path);
  const there = step(path, 'stat', () => disk.lstat(path));
  if (text === undefined || there === undefined) return false; // given back meanwhile
  const silent = Date.now() - there.mtimeMs;
  const number = /^\s*(\d{1,10})\s*$/.exec(text.split('\n')[0] ?? '')?.[1];
  // Other programs may leave no number in theirs, and so does a run that was killed just then.
  if (number === undefined || Number(number) === 0) return silent > SILENCE_MS;
  const [host = '', space = '', beginning = '-'] = (text.split('\n')[1] ?? '').split(' ');
  // Only within one start of one machine, and one space of process numbers, does a number say something.
  const comparable = host === hostPart() && (space === '-' ? '' : space) === processSpace();
  if (!comparable) return silent > SILENCE_MS;
  if (!isRunning(Number(number))) return true;
  const now = beginningOf(Number(number));
  return beginning !== '-' && now !== '' && now !== beginning;
}

function locked(disk: Disk, path: string, what: string): LockedError {
  const [number = '', rest = ''] = (read(disk, path) ?? '').split('\n');
  const by = /^\s*\d{1,10}\s*$/.test(number) ? `process ${number.trim()}` : 'another program';
  const [host = ''] = rest.split(' ');
  const where = host === '' || host === hostPart() ? '' : ` on ${host.replace(/[^\x21-\x7e]/g, '?')}`;
  return new LockedError(`${what} is in use by ${by}${where}`, path, `${by}${where}`, {
    hint: `try again when it is done; if there is no such process, remove ${path}`,
  });
}

/** Undefined: it cannot be read, for one because it is gone. */
function read(disk: Disk, path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = disk.open(path, 'r');
    const bytes = Buffer.alloc(LONGEST);
    return bytes.toString('latin1', 0, disk.read(fd, bytes, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) release(disk, fd);
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Whoever took it away is not kept from working by us.
  }
}

function attemptUnlink(disk: Disk, path: string): void {
  try {
    disk.unlink(path);
  } catch {
    // Somebody else was quicker.
  }
}
