import { StorageError } from '../errors.ts';
import { codeOf } from './disk.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the directory is not there',
  ENOTDIR: 'part of the path is no directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would become too large',
  EIO: 'input/output error',
  EXDEV: 'part of it is on another file system',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
};

/** What stays as it is until somebody does something about it. */
const LASTING: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'EXDEV',
  'ENAMETOOLONG',
  'ELOOP',
]);

/** A failed system call in words: what could not be done to `path`, and why. */
export function failed(path: string, step: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const reason = REASONS[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
  return new StorageError(
    `cannot ${WORDS[step] ?? step} ${path}: ${reason}`,
    { path, step },
    { cause, retryable: !LASTING.has(codeOf(cause)) },
  );
}

/** Steps whose names are no English for it. */
const WORDS: Readonly<Record<string, string>> = {
  create: 'make',
  mkdir: 'make the directory',
  fsync: 'write',
  close: 'write',
  stat: 'look at',
  readdir: 'list',
};

/** Does one step, and says which it was when it fails. */
export function step<T>(path: string, name: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw failed(path, name, cause);
  }
}
