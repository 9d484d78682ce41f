import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import { Command, type Option } from 'commander';
import type { CommandTable, ConfigValue } from '../../config/index.ts';
import { ConfigError, UsageError } from '../../errors.ts';
import { sizeOption } from '../size.ts';
import { countOption, defineFetch, deleteAfterOption, type FetchOptionValues } from './options.ts';

/** What is about one run, and no way to live. */
const TYPED_ONLY: ReadonlySet<string> = new Set(['check', 'dry-run', 'all-accounts', 'jobs']);
const PATHS: ReadonlySet<string> = new Set(['maildir', 'mbox', 'dir']);
/** Of each row one is enough: what is said of it with more power takes the others' place, too. */
const EXCLUSIVE: readonly (readonly string[])[] = [
  ['maildir', 'mbox', 'dir', 'exec'],
  ['delete', 'delete-after', 'keep'],
];
/** The options whose place `name` takes, itself among them. */
export function partnersOf(name: string): readonly string[] {
  return EXCLUSIVE.find((row) => row.includes(name)) ?? [name];
}

const CHECKS: Readonly<Record<string, (place: string, text: string) => unknown>> = {
  'delete-after': deleteAfterOption,
  'max-size': sizeOption,
  limit: countOption,
  'keep-newest': countOption,
};

/**
 * The flags, and under them what the tables of the account say, the most powerful first. ConfigError with its place for what
 * is no option of `fetch`, or no value for it.
 */
export async function withConfigured(
  typed: FetchOptionValues,
  tables: readonly CommandTable[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<FetchOptionValues> {
  if (tables.length === 0) return typed;
  const options = new Map(
    defineFetch(new Command()).options.flatMap((option): [string, Option][] => {
      const name = option.long?.slice(2) ?? '';
      return TYPED_ONLY.has(name) ? [] : [[name, option]];
    }),
  );
  const given: Readonly<Record<string, unknown>> = { ...typed };
  const decided = new Set<string>();
  const decide = (name: string) => {
    for (const each of partnersOf(name)) decided.add(each);
  };
  for (const [name, option] of options) if (given[option.attributeName()] !== undefined) decide(name);
  const values: Record<string, unknown> = {};
  for (const table of tables) {
    for (const row of EXCLUSIVE) checkOne(row.flatMap((name) => table.get(name) ?? []));
    for (const [name, said] of table) {
      const option = options.get(name);
      if (option === undefined) throw await strange(name, said.place, [...options.keys()]);
      const value = await readValue(name, option, said, env);
      if (!decided.has(name) && value !== undefined) values[option.attributeName()] = value;
    }
    for (const name of table.keys()) decide(name);
  }
  const merged: FetchOptionValues = { ...values, ...typed };
  // It waits for a run that deletes.
  if (merged.delete === true || merged.deleteAfter !== undefined || typed.keepNewest !== undefined)
    return merged;
  const { keepNewest: _, ...rest } = merged;
  return rest;
}

function checkOne(said: readonly ConfigValue[]): void {
  const [first, second] = said.filter(({ value }) => value !== false);
  if (first === undefined || second === undefined) return;
  throw new ConfigError(`${first.place} and ${second.place} cannot go together`, {
    stage: 'config',
    hint: 'leave one of them out',
  });
}

async function readValue(
  name: string,
  option: Option,
  { value, place }: ConfigValue,
  env: Readonly<Record<string, string | undefined>>,
): Promise<true | string | readonly string[] | undefined> {
  const wrong = (what: string, hint?: string) =>
    new ConfigError(`${place}: ${what}`, { stage: 'config', ...(hint === undefined ? {} : { hint }) });
  if (!option.required) {
    if (typeof value !== 'boolean') throw wrong('it is neither true nor false');
    return value ? true : undefined;
  }
  if (typeof value === 'object') {
    if (name !== 'exec') throw wrong('it is a list, and one value is wanted');
    return value;
  }
  if (typeof value === 'boolean' || value === '' || (typeof value === 'string' && value.includes('\0')))
    throw wrong('it is no value for this', 'texts stand in quotes');
  const text = String(value);
  if (option.argChoices?.includes(text) === false)
    throw wrong(`it is not one of ${option.argChoices.join(', ')}`);
  if (PATHS.has(name)) {
    const home = env['HOME'] ?? homedir();
    const path = text.startsWith('~/') ? home + text.slice(1) : text;
    // Where a run was started must not decide where mail is.
    if (!isAbsolute(path)) throw wrong('the path is relative', 'begin it with / or ~/');
    return path;
  }
  try {
    await CHECKS[name]?.(place, text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new ConfigError(error.message, { stage: 'config', hint: error.hint });
  }
  return text;
}

async function strange(name: string, place: string, known: readonly string[]): Promise<ConfigError> {
  if (TYPED_ONLY.has(name))
    return new ConfigError(`${place}: it must be typed`, {
      stage: 'config',
      hint: `give --${name} where it is wanted`,
    });
  const { nearest } = await import('../../config/index.ts');
  const near = nearest(name, known);
  return new ConfigError(`${place}: fetch has no such option`, {
    stage: 'config',
    hint: near === undefined ? 'mailtool fetch --help lists them' : `did you mean ${near}?`,
  });
}
