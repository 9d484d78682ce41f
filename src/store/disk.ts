import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';

/**
 * The calls that storing mail is made of. Those that only touch the page cache are synchronous: a message of a few kilobytes
 * takes a dozen of them, and a turn through the thread pool for each costs more than all of them. What waits for the device
 * (`fsync`) and what moves megabytes (`writeLater`) leaves the event loop free.
 */
export const disk = {
  open: (path: string, flags: string, mode = 0o600): number => openSync(path, flags, mode),
  read: (fd: number, into: Uint8Array, position: number): number =>
    readSync(fd, into, 0, into.length, position),
  /** How many octets of `bytes` it took: a full disk takes part of them without complaint. */
  write: (fd: number, bytes: Uint8Array, position: number): number =>
    writeSync(fd, bytes, 0, bytes.length, position),
  writeLater: (fd: number, bytes: Uint8Array, position: number): Promise<number> =>
    new Promise((resolve, reject) => {
      write(fd, bytes, 0, bytes.length, position, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    }),
  fsync: promisify(fsync) as (fd: number) => Promise<void>,
  truncate: (fd: number, size: number): void => ftruncateSync(fd, size),
  close: (fd: number): void => closeSync(fd),
  link: (from: string, to: string): void => linkSync(from, to),
  rename: (from: string, to: string): void => renameSync(from, to),
  unlink: (path: string): void => unlinkSync(path),
  /** Whether it was made: false where there is something of that name. */
  mkdir: (path: string): boolean => {
    try {
      mkdirSync(path, { mode: 0o700 });
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  },
  readdir: (path: string): string[] => readdirSync(path, 'utf8'),
  /** Links are followed; undefined where there is nothing. */
  stat: (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false }),
  lstat: (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false }),
  fstat: (fd: number): Stats => fstatSync(fd),
};

export type Disk = typeof disk;

/** What `link` says where the file system has no links, or no more of them. */
export const WITHOUT_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EACCES',
]);

/** `ENOSPC` and the like; empty for anything that is no failed system call. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
