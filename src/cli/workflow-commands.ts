import { fstatSync } from 'node:fs';
import type { Io } from './io.ts';

/** Whether this is a step of GitHub Actions, whose runner obeys lines of standard output and standard error. */
export function isGitHub({ env }: Pick<Io, 'env'>): boolean {
  return env['GITHUB_ACTIONS'] === 'true';
}

/** Whether standard output is a file: then no runner reads it. */
export function isFileOutput(): boolean {
  try {
    return fstatSync(1).isFile();
  } catch {
    return false;
  }
}

/** Whether a runner could take a line of `text` for a command: `::name::`, or `##[name]` anywhere. */
export function looksLikeCommand(text: string): boolean {
  return /##\[|^[^\S\r\n\u2028\u2029]*::/m.test(text);
}

/** Two lines: a runner obeys nothing that is between them. The word that ends it cannot be guessed. */
export function commandGuard(): { readonly before: string; readonly after: string } {
  // By its global name: only here is the module loaded, which would be a good part of a start.
  const word = `mailtool-${crypto.randomUUID().replaceAll('-', '')}`;
  return { before: `::stop-commands::${word}\n`, after: `::${word}::\n` };
}
