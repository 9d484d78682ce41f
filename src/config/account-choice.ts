/** Which account of the configuration files a run is about. */
import type { AccountLayer, CommandTable } from './config-account.ts';
import type { ConfigFile } from './config-file.ts';
import type { ConfigFiles, NamedConfig } from './config-files.ts';
import { VARIABLE_PREFIX } from './settings.ts';

/** In place of an account's name, which could be any text: accounts will be asked for one by one. */
export const SEVERAL = Symbol('several accounts');

/** What variables say of the configuration itself. */
export interface Chosen {
  account?: NamedConfig;
  config?: NamedConfig;
}

/** The variables that say it; they are no settings. */
export const CHOOSING: ReadonlyMap<string, keyof Chosen> = new Map([
  [`${VARIABLE_PREFIX}ACCOUNT`, 'account'],
  [`${VARIABLE_PREFIX}CONFIG`, 'config'],
]);

/** What a configuration says beside the settings themselves. */
export interface Configured {
  /** The account whose tables are among the layers. */
  readonly account?: string;
  /** Whether an account was named, and not only there. */
  readonly isNamed?: boolean;
  /** All that there are. */
  readonly accounts?: readonly string[];
  /** Those that others inherit from. */
  readonly parents?: ReadonlySet<string>;
  /** The options of commands, the most powerful first. */
  readonly commands?: readonly ReadonlyMap<string, CommandTable>[];
}

interface Under extends Configured {
  readonly layers: readonly AccountLayer[];
  readonly warnings: readonly string[];
}

/**
 * The account that was named, or the default one, or none; undefined where no file and no name is. ConfigError for one that
 * is not there.
 */
export async function accountUnder(
  config: ConfigFiles,
  wanted: string | typeof SEVERAL | undefined,
  { account: variable, config: file }: Chosen,
): Promise<Under | undefined> {
  const files = await config.read(file);
  const several = wanted === SEVERAL;
  const named = typeof wanted === 'string' ? { text: wanted, place: 'flag --account' } : variable;
  if (files.length === 0 && named === undefined && !several) return undefined;
  const { accountLayers, accountNames, parentNames } = await import('./config-account.ts');
  const accounts = accountNames(files);
  const parents = parentNames(files);
  const warnings = files.flatMap((each) => each.warnings);
  const account = several ? undefined : (named ?? defaultAccount(files, accounts));
  if (account === undefined) return { layers: [], warnings, accounts, parents, isNamed: several };
  const layers = accountLayers(files, account.text, account.place);
  return {
    account: account.text,
    isNamed: named !== undefined,
    accounts,
    parents,
    layers,
    warnings,
    commands: layers.map(({ commands }) => commands),
  };
}

/** The one that a file says is the default, or the only one. */
export function defaultAccount(
  files: readonly ConfigFile[],
  accounts: readonly string[],
): NamedConfig | undefined {
  for (const { defaultAccount: chosen } of files)
    if (chosen !== undefined) return { text: chosen.name, place: chosen.place };
  const [only, ...more] = accounts;
  return only === undefined || more.length > 0 ? undefined : { text: only, place: 'the configuration file' };
}
