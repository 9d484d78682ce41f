/** Files of keys and certificates. */
import { promises as fs } from 'node:fs';
import { homedir, platform } from 'node:os';
import { ConfigError } from '../errors.ts';
import { readAtMost, reasonOf, refusePipe } from './env-files.ts';
import { quote } from './values.ts';

/** A file, and where it was named. */
export interface NamedFile {
  readonly path: string;
  readonly place: string;
}

/** The largest bundle in use has about 250 KB. */
const MAX_PEM = 4 * 1024 * 1024;

/**
 * The text of a PEM file that has what `label` says. ConfigError when it has not, or cannot be read; with `io` the file holds
 * a key, and that others may read it is warned of.
 */
export async function readPem(
  { path, place }: NamedFile,
  label: 'CERTIFICATE' | 'PRIVATE KEY',
  io?: { warn(text: string): void },
): Promise<string> {
  let bytes: Buffer | undefined;
  try {
    const name = path.startsWith('~/') ? homedir() + path.slice(1) : path;
    await refusePipe(name);
    const file = await fs.open(name, 'r');
    try {
      const { mode } = await file.stat();
      if (io !== undefined && (mode & 0o077) !== 0 && platform() !== 'win32') {
        io.warn(`${place}: other users may read or change the key in ${quote(path)}: chmod 600 it`);
      }
      bytes = await readAtMost(file, MAX_PEM);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new ConfigError(`${place}: cannot read ${quote(path)}: ${reasonOf(error)}`, { stage: 'config' });
  }
  if (bytes === undefined) {
    throw new ConfigError(`${place}: ${quote(path)} is larger than ${MAX_PEM} bytes`, { stage: 'config' });
  }
  const text = bytes.toString('latin1');
  if (!new RegExp(`-----BEGIN (?:[A-Z0-9]+ ){0,3}${label}-----`).test(text)) {
    throw new ConfigError(`${place}: ${quote(path)} has no ${label.toLowerCase()} in PEM form`, {
      stage: 'config',
    });
  }
  return text;
}
