/** Reading a configuration file: TOML with a table for each account. What is in the tables is `config-account.ts`'s concern. */
import { constants, promises as fs } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from '../errors.ts';
import { linesOf } from './config-lines.ts';
import { readAtMost, reasonOf, refusePipe } from './env-files.ts';
import { nearest } from './nearest.ts';
import { SETTINGS, settingOf } from './settings.ts';
import type { LayerName } from './stated.ts';
import { quote } from './values.ts';

/** More than any honest file has. */
export const MAX_CONFIG_FILE = 256 * 1024;
/** Arrays and inline tables within each other; what is asked for needs two. */
const MAX_DEPTH = 8;
const ACCOUNT_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]{0,63}$/u;

export type ConfigLayerName = Extract<LayerName, `${string}-config`>;

/** Where a file is looked for. */
export interface ConfigPath {
  readonly path: string;
  readonly layer: ConfigLayerName;
  /** Who named it; absent: it is where such files are. */
  readonly place?: string;
}

/** The table of one account in one file. */
export interface AccountTable {
  readonly name: string;
  readonly layer: ConfigLayerName;
  /** For people: the file's name. */
  readonly label: string;
  /** As TOML has it; may be of any type. */
  readonly value: unknown;
  /** `FILE:LINE accounts.NAME.KEY`, or without the line where that is not known. */
  place(...key: readonly string[]): string;
}

/** A file that could be read as TOML. */
export interface ConfigFile {
  readonly path: string;
  readonly layer: ConfigLayerName;
  /** In the order of the file. */
  readonly accounts: ReadonlyMap<string, AccountTable>;
  readonly defaultAccount: { readonly name: string; readonly place: string } | undefined;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** Reads one file. ConfigError, with the line where the parser knows it, when it cannot be read or is not what it should be. */
export async function readConfigFile(at: ConfigPath): Promise<ConfigFile> {
  const { path, layer } = at;
  const label = shownPath(path);
  const { text, mode } = await readText(at);
  const root = parsed(text, label);
  const lines = linesOf(text);
  const place = (...key: readonly string[]): string => {
    let line: number | undefined;
    // An inline table stands on the line of its own key.
    for (let length = key.length; length > 0 && line === undefined; length--)
      line = lines.get(key.slice(0, length).join('\0'));
    return `${line === undefined ? label : `${label}:${line}`} ${key.map(shownKey).join('.')}`;
  };
  for (const key of Object.keys(root)) {
    if (key === 'accounts' || key === 'default-account') continue;
    throw strangeTop(key, place(key));
  }
  const accounts = accountsOf(root['accounts'], place('accounts'), (name) => ({
    name,
    layer,
    label,
    value: undefined,
    place: (...key) => place('accounts', name, ...key),
  }));
  const chosen = root['default-account'];
  if (chosen !== undefined && typeof chosen !== 'string')
    throw new ConfigError(`${place('default-account')}: it is not the name of an account`, {
      stage: 'config',
      hint: 'write default-account = "NAME"',
    });
  return {
    path,
    layer,
    accounts,
    defaultAccount: chosen === undefined ? undefined : { name: chosen, place: place('default-account') },
    warnings: warningsOf(label, mode, accounts),
  };
}

async function readText({ path, layer, place }: ConfigPath): Promise<{ text: string; mode: number }> {
  const where = place === undefined ? quote(path) : `${quote(path)} (${place})`;
  let file: FileHandle | undefined;
  try {
    const isNamed = layer === 'named-config';
    if (isNamed) await refusePipe(path);
    file = await fs.open(path, isNamed ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!isNamed && !stat.isFile()) throw new Error('it is no file');
    const bytes = await readAtMost(file, MAX_CONFIG_FILE);
    if (bytes === undefined) throw new Error(`it is longer than ${MAX_CONFIG_FILE} bytes`);
    return {
      text: new TextDecoder('utf-8', { fatal: true }).decode(bytes),
      mode: stat.isFile() ? stat.mode & 0o777 : 0,
    };
  } catch (cause) {
    const isText = !(cause instanceof TypeError);
    throw new ConfigError(
      `cannot read the configuration file ${where}: ${isText ? reasonOf(cause) : 'it is not UTF-8 text'}`,
      {
        stage: 'config',
        hint: 'name another one with --config FILE, or go without: --config none',
        cause,
      },
    );
  } finally {
    await file?.close();
  }
}

function parsed(text: string, label: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    // What the parser quotes of the file may have a password in it; neither that nor the error itself is passed on.
    const isToml = error instanceof TomlError;
    const [first = ''] = isToml ? error.message.split('\n') : [];
    const place = isToml ? `${label}:${error.line}:${error.column}` : label;
    throw new ConfigError(`${place}: ${first.replace(/^Invalid TOML document: /, '') || 'it is no TOML'}`, {
      stage: 'config',
      hint: 'texts stand in quotes, and a table begins with [accounts.NAME]',
    });
  }
}

function accountsOf(
  value: unknown,
  place: string,
  tableOf: (name: string) => AccountTable,
): Map<string, AccountTable> {
  const accounts = new Map<string, AccountTable>();
  if (value === undefined) return accounts;
  if (!isTable(value)) throw new ConfigError(`${place}: it is no table`, { stage: 'config', hint: SHAPE });
  for (const [name, account] of Object.entries(value)) {
    const table = tableOf(name);
    if (!ACCOUNT_NAME.test(name)) {
      throw new ConfigError(`${table.place()}: an account cannot be called that`, {
        stage: 'config',
        hint: 'a name has letters, digits and . _ @ + -, at most 64',
      });
    }
    accounts.set(name, { ...table, value: account });
  }
  return accounts;
}

const SHAPE = 'write [accounts.NAME], [accounts.NAME.smtp] and [accounts.NAME.pop3]';

function strangeTop(key: string, place: string): ConfigError {
  const isSetting = SETTINGS.some((setting) => setting.key === key || setting.key.startsWith(`${key}.`));
  const near = isSetting ? undefined : nearest(key, ['accounts', 'default-account']);
  return new ConfigError(`${place}: there is no such thing at the top of a configuration`, {
    stage: 'config',
    hint: near === undefined ? SHAPE : `did you mean ${near}?`,
  });
}

/** A table of TOML; a date, or an array, is none. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function warningsOf(label: string, mode: number, accounts: ReadonlyMap<string, AccountTable>): string[] {
  const octal = mode.toString(8).padStart(4, '0');
  if ((mode & 0o022) !== 0) return [`other users may change ${label} (mode ${octal}): chmod 600 it`];
  if ((mode & 0o044) === 0) return [];
  const secret = [...accounts.values()].find(({ value }) => hasSecret(value));
  if (secret === undefined) return [];
  return [`other users may read ${label} (mode ${octal}), and there is a password in it: chmod 600 it`];
}

const SECRETS = SETTINGS.filter(({ kind }) => kind === 'secret' || kind === 'token').map(({ key }) => key);

function hasSecret(account: unknown): boolean {
  if (!isTable(account)) return false;
  const proxy = account[settingOf('proxy').key];
  if (typeof proxy === 'string' && proxy.includes('@')) return true;
  return SECRETS.some((key) => {
    const [group = '', part = ''] = key.split('.');
    const table = account[group];
    return isTable(table) && table[part] !== undefined;
  });
}

/** A foreign path as it is where that is harmless, else quoted and escaped. */
function shownPath(path: string): string {
  return /^[\p{L}\p{N}_./~+@-]{1,200}$/u.test(path) ? path : quote(path);
}

function shownKey(key: string): string {
  return /^[\p{L}\p{N}_-]{1,64}$/u.test(key) ? key : quote(key);
}
