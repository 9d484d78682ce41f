/** What the tables of one account say, with those that it inherits from: layers of settings, and options of commands. */
import { homedir } from 'node:os';
import { ConfigError } from '../errors.ts';
import { type AccountTable, type ConfigFile, isTable } from './config-file.ts';
import { nearest } from './nearest.ts';
import { SETTINGS, type Setting, type SettingKey } from './settings.ts';
import { type LayerName, Stated } from './stated.ts';
import { quote } from './values.ts';

/** A value for an option of a command, and where it stands. */
export interface ConfigValue {
  readonly value: string | number | boolean | readonly string[];
  readonly layer: LayerName;
  readonly place: string;
}

/** The options of one table: `NAME.fetch`. */
export type CommandTable = ReadonlyMap<string, ConfigValue>;

/** An account's name, and who gave it. */
interface Named {
  readonly name: string;
  readonly place: string;
}

/** One table, as a layer: a child's comes before its parent's. */
export interface AccountLayer {
  readonly label: string;
  readonly account: string;
  readonly name: AccountTable['layer'];
  readonly values: Map<SettingKey, Stated>;
  readonly commands: ReadonlyMap<string, CommandTable>;
  readonly inherit: Named | undefined;
  readonly displayName: string | undefined;
}

/** Commands whose options may stand in the file: `[accounts.NAME.fetch]`. Which ones there are, the command knows. */
const COMMAND_TABLES: ReadonlySet<string> = new Set(['fetch']);
/** What has no variable either must be typed. */
const byKey: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.filter(({ variable }) => variable !== undefined).map((setting) => [setting.key, setting]),
);
const typedOnly: ReadonlySet<string> = new Set(
  SETTINGS.filter(({ variable }) => variable === undefined).map(({ key }) => key),
);
const GROUPS: ReadonlySet<string> = new Set(
  SETTINGS.flatMap(({ key }) => (key.includes('.') ? (key.split('.')[0] ?? []) : [])),
);
const OWN_KEYS = ['inherit', 'display-name'] as const;

/** All accounts of the files, in their order, each once. */
export function accountNames(files: readonly ConfigFile[]): string[] {
  return [...new Set(files.flatMap(({ accounts }) => [...accounts.keys()]))];
}

/** The accounts that others say they inherit from. */
export function parentNames(files: readonly ConfigFile[]): ReadonlySet<string> {
  const tables = files.flatMap(({ accounts }) => [...accounts.values()]);
  return new Set(tables.flatMap(({ value }) => (isTable(value) ? String(value['inherit'] ?? '') : [])));
}

/**
 * The layers of account `name`, the most powerful first: its own tables, the user's before the machine's, and then those of
 * the account it inherits from. ConfigError when there is no such account, when accounts inherit in a circle, and for
 * whatever in these tables is no setting.
 */
export function accountLayers(files: readonly ConfigFile[], name: string, place: string): AccountLayer[] {
  const layers: AccountLayer[] = [];
  const seen: string[] = [];
  let next: Named | undefined = { name, place };
  while (next !== undefined) {
    const { name: current, place: said }: Named = next;
    if (seen.includes(current)) {
      throw new ConfigError(`${said}: accounts inherit in a circle: ${[...seen, current].join(', ')}`, {
        stage: 'config',
        hint: 'leave one inherit out',
      });
    }
    const tables = files.flatMap(({ accounts }) => accounts.get(current) ?? []);
    if (tables.length === 0) throw unknownAccount(files, current, said);
    seen.push(current);
    const own: readonly AccountLayer[] = tables.map(layerOf);
    layers.push(...own);
    next = own.find(({ inherit }) => inherit !== undefined)?.inherit;
  }
  nameSender(layers);
  return layers;
}

function unknownAccount(files: readonly ConfigFile[], name: string, place: string): ConfigError {
  const names = accountNames(files);
  const near = nearest(name, names);
  const known = names.length === 0 ? 'there are none' : `there are ${names.slice(0, 20).join(', ')}`;
  return new ConfigError(`${place}: there is no account ${quote(name)}`, {
    stage: 'config',
    hint:
      near === undefined
        ? `${known}; mailtool config path says where they are looked for`
        : `did you mean ${near}?`,
  });
}

function layerOf(table: AccountTable): AccountLayer {
  if (!isTable(table.value)) throw wrong(table.place(), 'it is no table', `write [accounts.${table.name}]`);
  const values = new Map<SettingKey, Stated>();
  const commands = new Map<string, CommandTable>();
  const own: Partial<Record<(typeof OWN_KEYS)[number], string>> = {};
  const add = (key: string, value: unknown, ...path: readonly string[]) => {
    const setting = byKey.get(key);
    if (setting === undefined) throw strange(key, table.place(...path));
    values.set(setting.key, stated(setting, value, table, table.place(...path)));
  };
  for (const [key, value] of Object.entries(table.value)) {
    if (key === 'inherit' || key === 'display-name') own[key] = ownText(value, table.place(key));
    else if (GROUPS.has(key) || COMMAND_TABLES.has(key)) {
      if (!isTable(value))
        throw wrong(table.place(key), 'it is no table', `write [accounts.${table.name}.${key}]`);
      if (COMMAND_TABLES.has(key))
        commands.set(
          key,
          commandTable(value, table.layer, (part) => table.place(key, part)),
        );
      else for (const [part, inner] of Object.entries(value)) add(`${key}.${part}`, inner, key, part);
    } else add(key, value, key);
  }
  const { inherit } = own;
  return {
    label: table.label,
    account: table.name,
    name: table.layer,
    values,
    commands,
    inherit: inherit === undefined ? undefined : { name: inherit, place: table.place('inherit') },
    displayName: own['display-name'],
  };
}

/** A name that stands beside a bare address becomes part of it. */
function nameSender(layers: readonly AccountLayer[]): void {
  const name = layers.find(({ displayName }) => displayName !== undefined)?.displayName;
  const from = layers.find(({ values }) => values.has('from'))?.values.get('from');
  const [top] = layers;
  if (name === undefined || from === undefined || top === undefined || from.text.includes('<')) return;
  const phrase = name.replace(/["\\]/g, '\\$&');
  top.values.set('from', new Stated(from.setting, `"${phrase}" <${from.text}>`, from.layer, from.place));
}

function stated(setting: Setting, value: unknown, { layer }: AccountTable, place: string): Stated {
  if (Array.isArray(value)) {
    const words = wordsOf(value, place);
    if (setting.kind === 'command') return new Stated(setting, words.join(' '), layer, place, words);
    if (setting.kind === 'pin' || setting.kind === 'selectors')
      return new Stated(setting, words.join(','), layer, place);
    throw wrong(place, 'it is a list, and one value is wanted');
  }
  if (setting.kind === 'boolean') {
    if (typeof value !== 'boolean') throw wrong(place, 'it is neither true nor false');
    return new Stated(setting, String(value), layer, place);
  }
  const isCount = setting.kind === 'port' || setting.kind === 'duration';
  if (isCount && Number.isSafeInteger(value)) return new Stated(setting, String(value), layer, place);
  if (typeof value !== 'string') throw wrong(place, 'it is no text', 'texts stand in quotes');
  if (value === '') throw wrong(place, 'it is empty', 'leave it out');
  // No shell has been at work here.
  const isOfHome = setting.kind === 'file' && value.startsWith('~/');
  return new Stated(setting, isOfHome ? homedir() + value.slice(1) : value, layer, place);
}

function ownText(value: unknown, place: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(place, 'it is no text', 'texts stand in quotes');
  if (/\p{C}/u.test(value) || value.length > 256)
    throw wrong(place, 'it has a control character in it, or is too long');
  return value;
}

function wordsOf(value: readonly unknown[], place: string): string[] {
  const words = value.flatMap((word) => (typeof word === 'string' ? word : []));
  if (words.length < value.length || words.length === 0 || words[0] === '')
    throw wrong(place, 'it is no list of texts');
  if (words.some((word) => word.includes('\0'))) throw wrong(place, 'it has a NUL in it');
  return words;
}

function commandTable(
  table: Readonly<Record<string, unknown>>,
  layer: LayerName,
  placeOf: (key: string) => string,
): CommandTable {
  return new Map(
    Object.entries(table).map(([key, value]): [string, ConfigValue] => {
      const place = placeOf(key);
      if (Array.isArray(value)) return [key, { value: wordsOf(value, place), layer, place }];
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
        throw wrong(place, 'it is no text, number, true or false');
      return [key, { value, layer, place }];
    }),
  );
}

function strange(key: string, place: string): ConfigError {
  if (typedOnly.has(key))
    return wrong(place, 'it must be typed', `give --${key.replace('.', '-')} where it is wanted`);
  const [group, part = key] = key.includes('.') ? key.split('.') : [undefined];
  // A known name in another table is likelier meant than a similar one.
  const moved = [...byKey.keys()].filter((known) => known === part || known.endsWith(`.${part}`));
  const near =
    moved.length > 0
      ? moved.join(' or ')
      : nearest(key, [
          ...byKey.keys(),
          ...(group === undefined ? [...OWN_KEYS, ...GROUPS, ...COMMAND_TABLES] : []),
        ]);
  return new ConfigError(`${place}: there is no such setting`, {
    stage: 'config',
    hint: near === undefined ? 'mailtool help env lists the settings' : `did you mean ${near}?`,
  });
}

function wrong(place: string, what: string, hint?: string): ConfigError {
  return new ConfigError(`${place}: ${what}`, { stage: 'config', ...(hint === undefined ? {} : { hint }) });
}
