import { ConfigError, DataError, UsageError } from '../errors.ts';
import { checkValue } from './check.ts';
import type { Setting } from './setting.ts';
import { BadText, BadValue } from './values.ts';

/**
 * The kinds of layer, by how far the trust rule trusts them. Flags and environment are equal: both are the doing of whoever
 * runs the command, who may name a host in one and pipe in the password by the other. So are the configuration files in their
 * own places; one that is named, like an `--env-file`, may have come from elsewhere.
 */
export const TRUST = {
  default: 3,
  flag: 2,
  environment: 2,
  'user-config': 2,
  'system-config': 2,
  'env-file': 1,
  'named-config': 1,
  dotenv: 0,
} as const;

export type LayerName = keyof typeof TRUST;

/** A value that somebody stated. The text is private, so that printing or serialising one shows where, never what. */
export class Stated {
  readonly setting: Setting;
  readonly layer: LayerName;
  /** `flag --smtp-host`, `environment MAILTOOL_SMTP_HOST`, `./.env:3 MAILTOOL_SMTP_HOST`, `config.toml:7 accounts.work.smtp.host`, `default`. */
  readonly place: string;
  readonly #text: string;
  readonly #words: readonly string[] | undefined;

  /** `words`: a command that was given word by word. */
  constructor(setting: Setting, text: string, layer: LayerName, place: string, words?: readonly string[]) {
    this.setting = setting;
    this.layer = layer;
    this.place = place;
    this.#text = text;
    this.#words = words;
  }

  /** A command as it is to be run: words without a shell, a text by the shell. */
  get command(): string | readonly string[] {
    return this.#words ?? this.#text;
  }

  /** As it was written. May be a secret: only `account.ts` asks for that. */
  get text(): string {
    return this.#text;
  }

  /** Throws, with the place, when the text is no value for the setting: UsageError or DataError for a flag, else ConfigError. */
  check(): void {
    this.read((text) => checkValue(this.setting, text));
  }

  /** What `parse` makes of the text; its BadValue becomes an error that names the place. */
  read<T>(parse: (text: string) => T): T {
    try {
      return parse(this.#text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      const message = `${this.place}: ${error.message}`;
      if (this.layer !== 'flag') throw new ConfigError(message, { stage: 'config' });
      if (error instanceof BadText) throw new DataError(message, { stage: 'compose' });
      throw new UsageError(message, { stage: 'config' });
    }
  }
}
