import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Disk, disk as realDisk } from './disk.ts';
import { makeDirectories } from './maildir.ts';
import { type AccountKey, accountFileName } from './names.ts';

/** Where state is kept: `MAILTOOL_STATE_DIR`, or `mailtool` in `XDG_STATE_HOME` (a relative one is ignored), or in `~/.local/state`. */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['MAILTOOL_STATE_DIR'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_STATE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'mailtool');
  const home = env['HOME'];
  return join(home !== undefined && isAbsolute(home) ? home : homedir(), '.local', 'state', 'mailtool');
}

/** The files of one account in that directory; nothing is made. */
export function stateFileNames(
  directory: string,
  account: AccountKey,
): { readonly journal: string; readonly lock: string } {
  const base = join(directory, accountFileName(account));
  return { journal: `${base}.journal`, lock: `${base}.lock` };
}

/** Makes the directory, for its owner only, and gives the files of one account in it. */
export async function stateFiles(
  directory: string,
  account: AccountKey,
  disk: Disk = realDisk,
): Promise<{ readonly journal: string; readonly lock: string }> {
  await makeDirectories(disk, directory);
  return stateFileNames(directory, account);
}
