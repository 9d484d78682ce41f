import type { ConfigFiles, EnvFile, Settings, Sources } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { Flags } from './context.ts';
import type { Io } from './io.ts';
import type { Parsed } from './program.ts';

/** The settings of a run, and those that it might have. The files are read once: they may be pipes. */
export interface SettingsLoader {
  /** With these flags as if typed too; of this account in place of those that were named. */
  settings(flags: Flags, account?: Sources['account']): Promise<Settings>;
  config(): Promise<ConfigFiles>;
}

/** What was typed, in an `io`. `several`: the settings of no account, until one is asked for. */
export function settingsLoader(
  { flags, flagNames, globals }: Parsed,
  io: Io,
  several: boolean,
): SettingsLoader {
  const { envFiles, accounts } = globals;
  if (globals.config === '') throw new UsageError('--config needs a value');
  if (accounts.includes('')) throw new UsageError('--account needs a value');
  if (accounts.some((name) => /\p{Cc}/u.test(name)))
    throw new UsageError('--account: there is a control character in it');
  let variables: Promise<readonly EnvFile[]> | undefined;
  let files: ConfigFiles | undefined;

  async function configFiles(): Promise<ConfigFiles> {
    const { ConfigFiles } = await import('../config/index.ts');
    files ??= new ConfigFiles({ env: io.env, flag: globals.config });
    return files;
  }

  return {
    config: configFiles,
    async settings(more, account) {
      const config = await import('../config/index.ts');
      variables ??= config.readEnvFiles(
        envFiles === false ? { named: [], none: true } : { named: envFiles, directory: io.cwd },
      );
      const wanted: Sources['account'] = account ?? (several ? config.SEVERAL : accounts[0]);
      return config.loadSettings({
        flags: { ...flags, ...more },
        flagNames,
        env: io.env,
        envFiles: await variables,
        config: await configFiles(),
        ...(wanted === undefined ? {} : { account: wanted }),
      });
    },
  };
}
