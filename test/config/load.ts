import { loadSettings, type Settings, type Sources } from '../../src/config/layers.ts';

export interface Given {
  readonly flags?: Sources['flags'];
  readonly env?: Sources['env'];
  /** Texts of `--env-file`s, called a.env, b.env ... */
  readonly named?: readonly string[];
  /** The text of ./.env. */
  readonly dotenv?: string;
}

/** The settings of sources that a test writes down. */
export function load({ flags = {}, env = {}, named = [], dotenv }: Given): Promise<Settings> {
  const files = named.map((text, index) => ({ path: `${'abc'[index] ?? 'x'}.env`, text, named: true }));
  return loadSettings({
    flags,
    env,
    envFiles: dotenv === undefined ? files : [...files, { path: './.env', text: dotenv, named: false }],
  });
}
