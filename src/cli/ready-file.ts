import { randomBytes } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { StorageError } from '../errors.ts';

const FIRST_LINE = '# mailtool sandbox';

/** `export NAME='value'` lines, which sh, and `--env-file`, read back exactly. */
export function shellLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n');
}

/**
 * Writes the variables to `path` in one piece: whoever waits for the file never sees half of it. StorageError when that
 * cannot be, or when somebody else's file is there.
 */
export async function writeReadyFile(
  path: string,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  if (await isForeign(path)) {
    throw new StorageError(
      `${path} is there already, and is no ready file`,
      { path, step: 'create' },
      {
        retryable: false,
        hint: 'name another file with --ready-file, or remove that one',
      },
    );
  }
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${FIRST_LINE}\n${shellLines(variables)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      `cannot write the ready file: ${reason}`,
      { path, step: 'create' },
      {
        cause,
        retryable: false,
        hint: 'name another file with --ready-file',
      },
    );
  }
}

/** Takes the file away, if it is still ours. */
export async function removeReadyFile(path: string): Promise<void> {
  if (!(await isForeign(path))) await unlink(path).catch(() => undefined);
}

async function isForeign(path: string): Promise<boolean> {
  try {
    return !(await readFile(path, 'utf8')).startsWith(FIRST_LINE);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}
