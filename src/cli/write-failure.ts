import { StorageError } from '../errors.ts';

/** Thrown into whoever writes when the reader of standard output has gone: the run ends, and that is no failure. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** What the system's error at standard output means: `ReaderGone`, or a `StorageError`. */
export function writeFailure(error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EPIPE') return new ReaderGone('nobody reads standard output any more');
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: 'no space left on the device',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file would become too large',
    EIO: 'input/output error',
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new StorageError(
    `cannot write to standard output: ${reason}`,
    { path: '-', step: 'write' },
    { cause: error, hint: 'what was written there is not complete' },
  );
}
