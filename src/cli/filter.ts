import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import type { HeaderField } from '../mime/index.ts';
import type { Context } from './context.ts';
import type { Fetched } from './fetch/fetched.ts';
import type { Row } from './selection.ts';
import { sizeOption } from './size.ts';

/** What the options of `defineFilters` hold. */
export interface FilterOptions {
  readonly from?: string;
  readonly to?: string;
  readonly subject?: string;
  readonly header?: readonly string[];
  readonly since?: string;
  readonly before?: string;
  readonly larger?: string;
  readonly smaller?: string;
  readonly new?: true;
}

/** Which messages are meant, of those that are named: all conditions have to hold. */
export interface Filter {
  /** For `--new`: what is no longer new; unique-ids have to be known. Undefined: new or not. */
  readonly fetched: Fetched | undefined;
  /** By what LIST says; `bySize` is false where that decides nothing. */
  readonly size: (row: Row) => boolean;
  readonly bySize: boolean;
  /** By the header, which TOP gives; undefined: it need not be read. */
  readonly header: ((fields: readonly HeaderField[]) => boolean) | undefined;
}

/** For `--help`. */
export const CONTENT_FILTER_HELP = `Filters leave messages out of those that are named (of all where none is named): a message has to meet every
one. TEXT is found anywhere in the field, in any case; /.../ is a regular expression. WHEN is a day (2026-11-20), a
moment (2026-11-20T18:00Z) or a time ago (7d); it is compared with the Date field. SIZE is 500K, 10M, 1G.
`;

/** For `--help` of a command that has `--new`, too. */
export const FILTER_HELP = `${CONTENT_FILTER_HELP}--new: what mailtool fetch has not fetched yet, by unique-id and its journal (--state-dir).
`;

/** So much of a field is looked at, or a hostile one could keep an expression busy. */
const LOOKED_AT = 4_096;

/** Adds the filters to a command that takes a selection. */
export function defineFilters(program: Command): Command {
  const fresh = program.createOption('--new', 'not fetched yet by mailtool fetch').helpGroup(HEADING);
  return defineContentFilters(program).addOption(fresh);
}

const HEADING = 'Filters:';

/** All of them but `--new`: those that look at the message alone. */
export function defineContentFilters(program: Command): Command {
  const add = (flag: string, about: string) => program.createOption(flag, about).helpGroup(HEADING);
  return program
    .addOption(add('--from <text>', 'the sender'))
    .addOption(add('--to <text>', 'a recipient in To or Cc'))
    .addOption(add('--subject <text>', 'the subject'))
    .addOption(
      add('--header <name: text>', 'any other field (repeatable)').argParser(
        (value: string, earlier: readonly string[] = []) => [...earlier, value],
      ),
    )
    .addOption(add('--since <when>', 'dated then or later'))
    .addOption(add('--before <when>', 'dated before then'))
    .addOption(add('--larger <size>', 'larger than this'))
    .addOption(add('--smaller <size>', 'smaller than this'));
}

/** The filters of a command, as `parseFilter`; for `--new` the journal of the account is read. */
export async function filterOf(ctx: Context, options: FilterOptions): Promise<Filter | undefined> {
  const filter = await parseFilter(options);
  if (options.new !== true) return filter;
  const { openFetched } = await import('./fetch/fetched.ts');
  return { size: () => true, bySize: false, header: undefined, ...filter, fetched: await openFetched(ctx) };
}

/** Reads the filters, all but `--new`; undefined where there are none. `UsageError` for one that cannot be read. */
export async function parseFilter(options: FilterOptions): Promise<Filter | undefined> {
  const larger = options.larger === undefined ? undefined : sizeOption('--larger', options.larger);
  const smaller = options.smaller === undefined ? undefined : sizeOption('--smaller', options.smaller);
  const header = await headerTests(options);
  if (larger === undefined && smaller === undefined && header.length === 0) return undefined;
  return {
    fetched: undefined,
    bySize: larger !== undefined || smaller !== undefined,
    size: ({ size }) => size > (larger ?? -1) && size < (smaller ?? Number.POSITIVE_INFINITY),
    header: header.length === 0 ? undefined : (fields) => header.every((test) => test(fields)),
  };
}

type Test = (fields: readonly HeaderField[]) => boolean;

async function headerTests(options: FilterOptions): Promise<Test[]> {
  const asked = [
    options.from,
    options.to,
    options.subject,
    options.since,
    options.before,
    ...(options.header ?? []),
  ];
  if (asked.every((text) => text === undefined)) return [];
  const { readDate, readText } = await import('../mime/index.ts');
  const tests: Test[] = [];
  const text = (flag: string, names: readonly string[], wanted: string | undefined) => {
    if (wanted === undefined) return;
    const matches = patternOf(flag, wanted);
    tests.push((fields) =>
      fields.some(
        ({ name, value }) =>
          names.includes(name.toLowerCase()) && matches(readText(value).slice(0, LOOKED_AT)),
      ),
    );
  };
  text('--from', ['from'], options.from);
  text('--to', ['to', 'cc'], options.to);
  text('--subject', ['subject'], options.subject);
  for (const given of options.header ?? []) {
    const [, name, wanted] = /^([!-9;-~]+):[ \t]*(.*)$/s.exec(given) ?? [];
    if (name === undefined) {
      throw new UsageError(`--header ${JSON.stringify(given)}: write "Name: text"`);
    }
    text('--header', [name.toLowerCase()], wanted);
  }
  const dated = (flag: string, when: string | undefined, holds: (date: number, limit: number) => boolean) => {
    if (when === undefined) return;
    const limit = momentOf(flag, when);
    tests.push((fields) => {
      const value = fields.find(({ name }) => name.toLowerCase() === 'date')?.value;
      const date = value === undefined ? undefined : readDate(value);
      return date !== undefined && holds(date.getTime(), limit);
    });
  };
  dated('--since', options.since, (date, limit) => date >= limit);
  dated('--before', options.before, (date, limit) => date < limit);
  return tests;
}

/**
 * Whether a value has the text in it, in any case, or meets the expression that is written `/.../i`. `UsageError` for what
 * is neither.
 */
export function patternOf(flag: string, text: string): (value: string) => boolean {
  const expression = /^\/(.+)\/([isu]{0,3})$/s.exec(text);
  if (expression === null) {
    if (text === '') throw new UsageError(`${flag} needs a text`);
    const wanted = text.toLowerCase();
    return (value) => value.toLowerCase().includes(wanted);
  }
  try {
    const compiled = new RegExp(expression[1] ?? '', expression[2]);
    return (value) => compiled.test(value);
  } catch {
    throw new UsageError(`${flag} ${JSON.stringify(text)} is no regular expression`);
  }
}

const AGO_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function momentOf(flag: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return Date.now() - Number(count) * (AGO_MS[unit] ?? 0);
  const iso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/;
  // A day begins where the reader is, not in Greenwich.
  const moment = iso.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  if (Number.isNaN(moment)) {
    throw new UsageError(`${flag} ${JSON.stringify(text)} is no moment`, {
      hint: 'write 2026-11-20, 2026-11-20T18:00Z, or 7d for seven days ago',
    });
  }
  return moment;
}
