import { basename, dirname, join } from 'node:path';
import { type Disk, disk as realDisk } from './disk.ts';
import { step } from './failure.ts';
import { MessageFiles, sweep, unfit } from './message-files.ts';
import { hostPart } from './names.ts';
import { ownerPart } from './processes.ts';
import { syncDirectory } from './writing.ts';

export interface FilesOptions {
  /** `MessageNames.prefix` of the account: what a killed run of it left behind is removed. */
  readonly prefix: string;
  readonly disk?: Disk;
  /** Milliseconds since 1970, for names and ages. */
  readonly now?: () => number;
}

const PARTS = ['tmp', 'new', 'cur'] as const;
/** What readers put beside the three: their own files, and folders in the Maildir++ way. */
const BESIDE = /^(?:\..*|dovecot.*|maildirfolder|maildirsize|subscriptions|courier.*)$/;

/** A Maildir: one file for each message, in `new/` when it is whole and on the disk. */
export class Maildir extends MessageFiles {
  readonly path: string;

  private constructor(path: string, disk: Disk, now: () => number) {
    const host = hostPart();
    const seconds = () => Math.floor(now() / 1000);
    const temporary = join(path, 'tmp');
    const target = join(path, 'new');
    super(disk, {
      temporary,
      target,
      searched: [target, join(path, 'cur')],
      fileName: (name) => `${seconds()}.${name}.${host}`,
      temporaryName: (name) => `${seconds()}.${ownerPart()}-${name}.${host}`,
    });
    this.path = path;
  }

  /**
   * Makes what is missing, for its owner only. A directory that is something else is left alone: `StorageError`.
   */
  static async open(
    path: string,
    { prefix, disk = realDisk, now = Date.now }: FilesOptions,
  ): Promise<Maildir> {
    const root = path.replace(/(?<=.)\/+$/, '');
    await prepare(disk, root);
    sweep(disk, join(root, 'tmp'), { prefix, host: hostPart(), others: true, now: now() });
    return new Maildir(root, disk, now);
  }
}

async function prepare(disk: Disk, root: string): Promise<void> {
  const there = step(root, 'stat', () => disk.stat(root));
  if (there !== undefined && !there.isDirectory())
    throw unfit(root, 'is no directory, and so no Maildir', 'name another one; a file can be an mbox');
  if (there === undefined) {
    await makeDirectories(disk, root);
  } else {
    const found = step(root, 'readdir', () => disk.readdir(root));
    const parts = PARTS.filter((part) => found.includes(part));
    if (parts.length === PARTS.length && parts.every((part) => isDirectory(disk, join(root, part)))) return;
    const foreign = found.find((name) => !isPart(name) && !BESIDE.test(name));
    const half = parts.length > 0 ? 'is only half a Maildir' : 'is no Maildir';
    const file = parts.find((part) => !isDirectory(disk, join(root, part)));
    if (file !== undefined) throw unfit(root, `is no Maildir: its ${file} is no directory`, NAME_ANOTHER);
    if (foreign !== undefined)
      throw unfit(root, `${half}, and holds other things (${foreign})`, NAME_ANOTHER);
  }
  // tmp/ last: a reader takes what has new/ and cur/ for a Maildir, and nobody writes without tmp/.
  for (const part of [...PARTS].reverse()) {
    const directory = join(root, part);
    step(directory, 'mkdir', () => disk.mkdir(directory));
  }
  await syncDirectory(disk, root);
}

const NAME_ANOTHER = 'name an empty directory, or one that is to be made';

function isPart(name: string): boolean {
  return PARTS.some((part) => part === name);
}

function isDirectory(disk: Disk, path: string): boolean {
  return step(path, 'stat', () => disk.stat(path))?.isDirectory() === true;
}

/** Makes a directory and those above it, each for good. */
export async function makeDirectories(disk: Disk, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; step(at, 'stat', () => disk.stat(at)) === undefined; at = dirname(at)) {
    missing.unshift(at);
    if (basename(at) === '' || dirname(at) === at) break;
  }
  for (const directory of missing) {
    step(directory, 'mkdir', () => disk.mkdir(directory));
    await syncDirectory(disk, dirname(directory));
  }
}
