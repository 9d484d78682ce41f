/** Finding the configuration files. Start-up looks once for each path, and loads nothing where none is there. */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ConfigFile, ConfigPath } from './config-file.ts';

/** For every user of the machine. */
const SYSTEM_FILE = '/etc/mailtool/config.toml';
/** In place of a name: no configuration file at all. */
const NONE = 'none';

export interface ConfigChoice {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--config`. */
  readonly flag?: string | undefined;
  /** The machine's file, where it is another. */
  readonly system?: string;
}

/** A file's name that a variable gave, and where. */
export interface NamedConfig {
  readonly text: string;
  readonly place: string;
}

/** The configuration files of a run. They are read once, whatever is asked of them how often: one may be a pipe. */
export class ConfigFiles {
  readonly #choice: ConfigChoice;
  #read: Promise<readonly ConfigFile[]> | undefined;
  #looked: readonly ConfigPath[] = [];

  constructor(choice: ConfigChoice) {
    this.#choice = choice;
  }

  /**
   * Where settings are looked for, the most powerful first: the one file that `--config` or a variable names, or the user's
   * own and the machine's.
   */
  paths(variable: NamedConfig | undefined): readonly ConfigPath[] {
    const { env, flag, system = SYSTEM_FILE } = this.#choice;
    const named = flag === undefined ? variable : { text: flag, place: 'flag --config' };
    if (named?.text === NONE) return [];
    if (named !== undefined)
      return [{ path: fromHome(named.text, env), layer: 'named-config', place: named.place }];
    const directory = configDirectory(env);
    const user: readonly ConfigPath[] =
      directory === undefined ? [] : [{ path: join(directory, 'config.toml'), layer: 'user-config' }];
    return [...user, { path: system, layer: 'system-config' }];
  }

  /** Where the run has looked. */
  get looked(): readonly ConfigPath[] {
    return this.#looked;
  }

  /** What the files say. ConfigError for one that is named and not there, cannot be read, or is no TOML. */
  read(variable: NamedConfig | undefined): Promise<readonly ConfigFile[]> {
    if (this.#read === undefined) {
      this.#looked = this.paths(variable);
      this.#read = readAll(this.#looked);
    }
    return this.#read;
  }
}

async function readAll(paths: readonly ConfigPath[]): Promise<readonly ConfigFile[]> {
  const there = paths.filter(({ path, layer }) => layer === 'named-config' || existsSync(path));
  if (there.length === 0) return [];
  const { readConfigFile } = await import('./config-file.ts');
  return Promise.all(there.map(readConfigFile));
}

/** `mailtool` in XDG_CONFIG_HOME (a relative one is ignored, as its specification asks) or in `~/.config`. */
function configDirectory(env: ConfigChoice['env']): string | undefined {
  const xdg = env['XDG_CONFIG_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'mailtool');
  const home = env['HOME'];
  return home !== undefined && isAbsolute(home) ? join(home, '.config', 'mailtool') : undefined;
}

function fromHome(path: string, { HOME: home }: ConfigChoice['env']): string {
  return path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path;
}
