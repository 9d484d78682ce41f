/**
 * Where values come from, and which one wins: flag > environment > `--env-file` (the later one first) or `./.env` > the
 * account's tables in configuration files > default. Every value keeps its place, so that errors can name it.
 */
import { ConfigError, UsageError } from '../errors.ts';
import { accountUnder, CHOOSING, type Chosen, type Configured, type SEVERAL } from './account-choice.ts';
import type { CommandTable } from './config-account.ts';
import type { ConfigFiles } from './config-files.ts';
import { type EnvFile, parseEnvFile } from './env-files.ts';
import { nearest } from './nearest.ts';
import {
  flagName,
  type Protocol,
  SETTINGS,
  type Setting,
  type SettingKey,
  settingOf,
  VARIABLE_PREFIX,
  waysToSet,
} from './settings.ts';
import { type LayerName, Stated } from './stated.ts';
import { parseDuration, parseSwitch, quote } from './values.ts';

/** One place with settings in it. Two `--env-file`s are two layers of one name. */
export interface Layer {
  readonly name: LayerName;
  /** For people: `flags`, `environment`, `./.env`. */
  readonly label: string;
  /** Whose tables of a configuration file it is. */
  readonly account?: string;
  get(key: SettingKey): Stated | undefined;
}

export interface Sources {
  /** By key; `true` for a switch. */
  readonly flags: Readonly<Partial<Record<SettingKey, string | boolean>>>;
  /** Names of flags that the command calls otherwise than the table does. */
  readonly flagNames?: Readonly<Partial<Record<SettingKey, string>>>;
  /** The process environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As `readEnvFiles` gives them. */
  readonly envFiles: readonly EnvFile[];
  /** Absent: none are looked for. */
  readonly config?: ConfigFiles;
  /**
   * `-a`: the account, and what variables say of another is left out. `several`: the same, and of no account yet. Absent:
   * that of MAILTOOL_ACCOUNT, or the default one under everything else.
   */
  readonly account?: string | typeof SEVERAL;
}

/** Names that belong to the tests of mailtool, not to mailtool. */
const FOREIGN = /^MAILTOOL_INTEROP(?:_|$)/;
/** Warnings about one source; a hostile file could have thousands of names. */
const MAX_WARNINGS = 10;

/** What was set, and where. Printing it shows no value. */
export class Settings {
  /** Most powerful first. */
  readonly layers: readonly Layer[];
  /** For stderr: one sentence each, foreign text in them escaped. */
  readonly warnings: readonly string[];
  /** The account of a configuration file that is used; undefined: none. */
  readonly account: string | undefined;
  /** All accounts of the configuration files. */
  readonly accounts: readonly string[];
  /** Those of them that others inherit from. */
  readonly parents: ReadonlySet<string>;
  readonly #isNamed: boolean;
  readonly #commands: readonly ReadonlyMap<string, CommandTable>[];

  constructor(layers: readonly Layer[], warnings: readonly string[] = [], configured: Configured = {}) {
    this.layers = layers;
    this.warnings = warnings;
    this.account = configured.account;
    this.accounts = configured.accounts ?? [];
    this.parents = configured.parents ?? new Set();
    this.#isNamed = configured.isNamed ?? false;
    this.#commands = configured.commands ?? [];
  }

  /** The account that a server of `protocol` belongs to: null where it is one that nobody gave a name. */
  accountOf(protocol: Protocol): string | null {
    if (this.account === undefined) return null;
    if (this.#isNamed) return this.account;
    const saying = this.layers.find(
      (layer) => layer.get(`${protocol}.host`) !== undefined || layer.get(`${protocol}.url`) !== undefined,
    );
    return saying === undefined || saying.name.endsWith('-config') ? this.account : null;
  }

  /** For a hint: the ways in which `key` can be set here, `waysToSet` or, for a named account, flag and place in the file. */
  waysToSet(key: SettingKey): string {
    if (!this.#isNamed || this.account === undefined || OF_THE_RUN.has(key)) return waysToSet(key);
    const [group = '', part] = key.split('.');
    const place = `accounts.${this.account}${part === undefined ? '' : `.${group}`}`;
    return [flagName(settingOf(key)), `${part ?? group} in [${place}]`]
      .filter((way) => way !== undefined)
      .join(' or ');
  }

  /** The tables of a command (`[accounts.NAME.fetch]`), the most powerful first. */
  commandTables(command: string): readonly CommandTable[] {
    return this.#commands.flatMap((tables) => tables.get(command) ?? []);
  }

  /** The value that wins, with its layer and place; undefined when nothing says it, not even a default. */
  stated(key: SettingKey): Stated | undefined {
    for (const layer of this.layers) {
      const stated = layer.get(key);
      if (stated !== undefined) return stated;
    }
    const { default: text } = settingOf(key);
    return text === undefined ? undefined : new Stated(settingOf(key), text, 'default', 'default');
  }

  text(key: SettingKey): string | undefined {
    return this.stated(key)?.text;
  }

  /** Whether a switch is on. */
  is(key: SettingKey): boolean {
    return this.stated(key)?.read(parseSwitch) ?? false;
  }

  /** In milliseconds. */
  duration(key: SettingKey): number | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : parseDuration(text);
  }
}

/**
 * Puts the layers over each other and checks the value that wins of every setting. UsageError when it was a flag,
 * ConfigError when it was a variable; ConfigError, too, when a `./.env` that nobody named wants to run, read or write
 * something, and for an account that is not there. An empty variable is as good as none.
 */
export async function loadSettings(sources: Sources): Promise<Settings> {
  const warnings: string[] = [];
  const chosen: Chosen = {};
  const flags = flagLayer(sources);
  const variables: Layer[] = [environmentLayer(sources.env, warnings, chosen)];
  for (const file of sources.envFiles.toReversed()) variables.push(await fileLayer(file, warnings, chosen));
  const under =
    sources.config === undefined ? undefined : await accountUnder(sources.config, sources.account, chosen);
  const settings =
    under === undefined
      ? new Settings([flags, ...variables], warnings)
      : new Settings(
          [
            flags,
            ...(under.isNamed ? variables.map(ofTheRun) : variables),
            ...under.layers.map(({ name, label, values, account }) => ({
              ...layerOf(name, label, values),
              account,
            })),
          ],
          [...warnings, ...under.warnings],
          under,
        );
  for (const { key } of SETTINGS) settings.stated(key)?.check();
  return settings;
}

/** What is no account's, but of the machine, the network or the run: a named account does not switch it off. */
const OF_THE_RUN: ReadonlySet<SettingKey> = new Set(
  SETTINGS.filter(
    ({ group, key }) =>
      group === 'network' || group === 'general' || key === 'state-dir' || key === 'read-only',
  ).map(({ key }) => key),
);

function ofTheRun(layer: Layer): Layer {
  return { ...layer, get: (key) => (OF_THE_RUN.has(key) ? layer.get(key) : undefined) };
}

function flagLayer({ flags, flagNames = {} }: Sources): Layer {
  const values = new Map<SettingKey, Stated>();
  for (const setting of SETTINGS) {
    const value = flags[setting.key];
    if (value === undefined || value === false) continue;
    const name = flagNames[setting.key] ?? flagName(setting) ?? setting.key;
    // Typed and empty is a variable that a script forgot to set, and must not bring back what the flag was to replace.
    if (value === '') throw new UsageError(`${name} needs a value`, { stage: 'config' });
    values.set(setting.key, new Stated(setting, value === true ? 'true' : value, 'flag', `flag ${name}`));
  }
  return layerOf('flag', 'flags', values);
}

function environmentLayer(env: Sources['env'], warnings: string[], chosen: Chosen): Layer {
  const values = new Map<SettingKey, Stated>();
  const names = Object.keys(env).filter((name) => name.startsWith(VARIABLE_PREFIX));
  for (const { setting, name } of known(names, 'the environment', warnings)) {
    const text = env[name] ?? '';
    if (text === '') continue;
    values.set(setting.key, new Stated(setting, text, 'environment', `environment ${name}`));
  }
  for (const [name, what] of CHOOSING) {
    const text = env[name] ?? '';
    if (text !== '') chosen[what] ??= { text, place: `environment ${name}` };
  }
  return layerOf('environment', 'environment', values);
}

async function fileLayer(file: EnvFile, warnings: string[], chosen: Chosen): Promise<Layer> {
  const layer = file.named ? 'env-file' : 'dotenv';
  const label = file.named ? escaped(file.path) : './.env';
  const values = new Map<SettingKey, Stated>();
  const variables = await parseEnvFile(file.text);
  for (const { setting, name } of known([...variables.keys()], label, warnings)) {
    const { text, line, cut } = variables.get(name) ?? { text: '', line: 0, cut: false };
    const place = `${label}:${line}`;
    if (cut) warnings.push(`${name} (${place}) ends at its "#": put the value in quotes`);
    if (text === '') continue;
    if (layer === 'dotenv' && setting.reaches === true) throw refused(name, place);
    values.set(setting.key, new Stated(setting, text, layer, `${place} ${name}`));
  }
  for (const [name, what] of CHOOSING) {
    const { text, line } = variables.get(name) ?? { text: '', line: 0 };
    if (text === '') continue;
    const place = `${label}:${line}`;
    if (layer === 'dotenv' && what === 'config') throw refused(name, place);
    chosen[what] ??= { text, place: `${place} ${name}` };
  }
  return layerOf(layer, label, values);
}

function layerOf(name: LayerName, label: string, values: ReadonlyMap<SettingKey, Stated>): Layer {
  return { name, label, get: (key) => values.get(key) };
}

function refused(name: string, place: string): ConfigError {
  return new ConfigError(
    `${name} (${place}) is refused: a .env that was only found in the current directory cannot make mailtool run, read or write what it names`,
    {
      stage: 'config',
      hint: 'if you trust the file, name it with --env-file ./.env; --no-env-file goes without it',
    },
  );
}

const byVariable: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.flatMap((setting) => (setting.variable === undefined ? [] : [[setting.variable, setting]])),
);
/** What a variable would be called for a setting that has none, because it must be typed. */
const typedOnly: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.filter(({ variable }) => variable === undefined).map((setting) => [
    VARIABLE_PREFIX + setting.key.replaceAll(/[.-]/g, '_').toUpperCase(),
    setting,
  ]),
);

/** The settings among `names`; a warning for each other name. */
function known(
  names: readonly string[],
  where: string,
  warnings: string[],
): { readonly setting: Setting; readonly name: string }[] {
  const found: { setting: Setting; name: string }[] = [];
  const strange: string[] = [];
  for (const name of names) {
    const setting = byVariable.get(name);
    if (setting !== undefined) found.push({ setting, name });
    else if (!FOREIGN.test(name) && !CHOOSING.has(name)) strange.push(name);
  }
  for (const name of strange.slice(0, MAX_WARNINGS)) warnings.push(strangeName(name, where));
  if (strange.length > MAX_WARNINGS) {
    warnings.push(`${strange.length - MAX_WARNINGS} more unknown variables in ${where}`);
  }
  return found;
}

function strangeName(name: string, where: string): string {
  const typed = typedOnly.get(name);
  if (typed !== undefined) return `${name} in ${where} is ignored: ${flagName(typed)} must be typed`;
  const near = nearest(name, [...byVariable.keys(), ...CHOOSING.keys()]);
  return `unknown variable ${escaped(name)} in ${where}${near === undefined ? '' : ` (did you mean ${near}?)`}`;
}

/** A foreign name as it is where that is harmless, else quoted and escaped. */
function escaped(text: string): string {
  return /^[\w./~+@-]{1,80}$/.test(text) ? text : quote(text);
}
