import { flagName, SETTINGS } from '../config/settings.ts';
import type { ColorWish } from './terminal.ts';

/** The command line, with the name of the command taken out: options of the shell may stand before it or after it. */
export interface SplitArguments {
  readonly name: string | undefined;
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

/** Options of the shell itself that are followed by a value. */
const VALUED: ReadonlySet<string> = new Set(['--env-file', '--color', '--account', '-a', '--config']);

/** Finds the command's name: the first word that is neither an option nor the value of one. */
export function splitArguments(argv: readonly string[]): SplitArguments {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') {
      if (takesValue(word)) at += 1;
      continue;
    }
    return { name: word, rest: [...argv.slice(0, at), ...argv.slice(at + 1)] };
  }
  return { name: undefined, rest: argv };
}

function takesValue(word: string): boolean {
  if (VALUED.has(word)) return true;
  return SETTINGS.some(
    (setting) =>
      setting.flag?.includes('<') === true &&
      (flagName(setting) === word || setting.flag.startsWith(`${word},`)),
  );
}

/** Whether `flag` was given, for what has to be known before (or although) the command line cannot be parsed. */
export function hasFlag(argv: readonly string[], ...flags: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).some((word) => flags.includes(word));
}

/** The wish of `--color`, for an error that comes before the command line is parsed. */
export function colorFlag(argv: readonly string[]): ColorWish {
  const at = argv.indexOf('--color');
  const value = at === -1 ? argv.find((word) => word.startsWith('--color='))?.slice(8) : argv[at + 1];
  return value === 'always' || value === 'never' ? value : 'auto';
}
