/** What a setting is: the shape of the rows in `settings.ts`. */

/** The protocol that a group of server settings belongs to. */
export type Protocol = 'smtp' | 'pop3';

type ServerPart =
  | 'url'
  | 'host'
  | 'port'
  | 'tls'
  | 'user'
  | 'password'
  | 'password-file'
  | 'password-cmd'
  | 'password-stdin'
  | 'token'
  | 'token-cmd'
  | 'auth';

/** The name of a setting, as in `smtp.host`. */
export type SettingKey =
  | `${Protocol}.${ServerPart}`
  | 'pop3.lang'
  | 'pipelining'
  | 'read-only'
  | 'tls.ca'
  | 'tls.fingerprint'
  | 'tls.pin'
  | 'tls.min-version'
  | 'tls.cert'
  | 'tls.key'
  | 'tls.insecure'
  | 'dkim.key'
  | 'dkim.selector'
  | 'dkim.domain'
  | 'allow-cleartext-auth'
  | 'from'
  | 'envelope-from'
  | 'ehlo'
  | 'proxy'
  | 'local-address'
  | 'ipv4'
  | 'ipv6'
  | 'timeout'
  | 'deadline'
  | 'state-dir'
  | 'cache'
  | 'log-file';

/** What proves who one is: a password, or an OAuth 2 access token (RFC 6750). */
export type SecretNoun = 'password' | 'token';

/** What a value may look like; `values.ts` has the check for each. */
export type SettingKind =
  | 'text'
  | 'message'
  | 'url'
  | 'host'
  | 'port'
  | 'choice'
  | 'mechanism'
  | 'fingerprint'
  | 'pin'
  | 'proxy'
  | 'address'
  | 'selectors'
  | 'domain'
  | 'language'
  | 'duration'
  | 'file'
  | 'command'
  | 'secret'
  | 'token'
  | 'boolean';

/** The heading of `--help` under which a flag stands. */
export type SettingGroup = Protocol | 'network' | 'tls' | 'dkim' | 'message' | 'general';

/** One setting: `variable` is absent where it must be typed as a flag, `flag` where it must not be. */
export interface Setting {
  readonly key: SettingKey;
  /** The whole name, as in `MAILTOOL_SMTP_HOST`. */
  readonly variable?: string;
  /** As commander wants it: `--smtp-host <host[:port]>`. */
  readonly flag?: string;
  readonly group: SettingGroup;
  readonly kind: SettingKind;
  readonly choices?: readonly string[];
  /** Only where it does not depend on other settings. */
  readonly default?: string;
  /** One line for `--help` and `help env`, without a full stop. */
  readonly about: string;
  /** True where it decides to whom a secret is shown: the trust rule holds it against the secret (`trust.ts`). */
  readonly steers?: true;
  /** True where it makes mailtool run, read or write what the value names: refused from a `./.env` that was only found. */
  readonly reaches?: true;
}
