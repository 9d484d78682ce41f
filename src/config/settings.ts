/**
 * Every setting, once: the options of the command line, `help env`, the reading of variables and the check of
 * `.env.example` are all made from this table.
 */
import type { Protocol, SecretNoun, Setting, SettingGroup, SettingKey, SettingKind } from './setting.ts';

export type { Protocol, SecretNoun, Setting, SettingGroup, SettingKey, SettingKind };

/** The headings of `--help`, in their order. */
export const SETTING_GROUPS: Readonly<Record<SettingGroup, string>> = {
  message: 'Message:',
  smtp: 'SMTP server:',
  pop3: 'POP3 server:',
  network: 'Network:',
  tls: 'TLS and security:',
  dkim: 'DKIM signature:',
  general: 'General:',
};

/** What begins the name of every variable that mailtool looks at. */
export const VARIABLE_PREFIX = 'MAILTOOL_';

function server(
  protocol: Protocol,
  ports: { readonly implicit: number; readonly starttls: number },
): Setting[] {
  const name = protocol.toUpperCase();
  const group = protocol;
  return [
    {
      key: `${protocol}.url`,
      variable: `MAILTOOL_${name}_URL`,
      group,
      kind: 'url',
      steers: true,
      about: `${name} server in one: ${protocol}s://user@host:${ports.implicit} (TLS at once) or ${protocol}://user@host:${ports.starttls}; no password in it`,
    },
    {
      key: `${protocol}.host`,
      variable: `MAILTOOL_${name}_HOST`,
      flag: `--${protocol}-host <host[:port]>`,
      group,
      kind: 'host',
      steers: true,
      about: `${name} server: name or address, with or without a port`,
    },
    {
      key: `${protocol}.port`,
      variable: `MAILTOOL_${name}_PORT`,
      flag: `--${protocol}-port <port>`,
      group,
      kind: 'port',
      steers: true,
      about: `port (${ports.implicit} with implicit TLS, ${ports.starttls} with ${protocol === 'smtp' ? 'STARTTLS' : 'STLS'}${protocol === 'smtp' ? ', 25 without TLS' : ' or without TLS'})`,
    },
    {
      key: `${protocol}.tls`,
      variable: `MAILTOOL_${name}_TLS`,
      flag: `--${protocol}-tls <mode>`,
      group,
      kind: 'choice',
      choices: ['implicit', 'starttls', 'none'],
      steers: true,
      about: `TLS: at once, by command, or not at all (port ${ports.implicit}: implicit; loopback: none; else starttls)`,
    },
    {
      key: `${protocol}.user`,
      variable: `MAILTOOL_${name}_USER`,
      flag: `--${protocol}-user <name>`,
      group,
      kind: 'text',
      about: 'user name to log in with',
    },
    {
      key: `${protocol}.password`,
      variable: `MAILTOOL_${name}_PASSWORD`,
      group,
      kind: 'secret',
      about: 'password (there is no flag for it: other users of the machine could see it)',
    },
    {
      key: `${protocol}.password-file`,
      variable: `MAILTOOL_${name}_PASSWORD_FILE`,
      flag: `--${protocol}-password-file <file>`,
      group,
      kind: 'file',
      reaches: true,
      about: 'file that holds the password on its only line',
    },
    {
      key: `${protocol}.password-cmd`,
      variable: `MAILTOOL_${name}_PASSWORD_CMD`,
      flag: `--${protocol}-password-cmd <command>`,
      group,
      kind: 'command',
      reaches: true,
      about: 'shell command that prints the password',
    },
    {
      key: `${protocol}.password-stdin`,
      flag: `--${protocol}-password-stdin`,
      group,
      kind: 'boolean',
      about: 'read the password from standard input',
    },
    {
      key: `${protocol}.token`,
      variable: `MAILTOOL_${name}_TOKEN`,
      group,
      kind: 'token',
      about: 'OAuth 2 access token in place of a password, for oauthbearer and xoauth2',
    },
    {
      key: `${protocol}.token-cmd`,
      variable: `MAILTOOL_${name}_TOKEN_CMD`,
      group,
      kind: 'command',
      reaches: true,
      about: 'shell command that prints the token',
    },
    {
      key: `${protocol}.auth`,
      variable: `MAILTOOL_${name}_AUTH`,
      flag: `--${protocol}-auth <mechanism>`,
      group,
      kind: 'mechanism',
      default: 'auto',
      about: `how to log in: auto, none, or a mechanism: scram-sha-256, oauthbearer, external, plain${protocol === 'smtp' ? '' : ', user, apop'}, and others`,
    },
  ];
}

/** The table. The order is that of `--help` within a group, of `help env` and of `.env.example`. */
export const SETTINGS: readonly Setting[] = [
  {
    key: 'from',
    variable: 'MAILTOOL_FROM',
    flag: '-f, --from <address>',
    group: 'message',
    kind: 'message',
    about: 'who the message is from: a@b or "Name" <a@b>',
  },
  {
    key: 'envelope-from',
    flag: '--envelope-from <address>',
    group: 'message',
    kind: 'message',
    about: 'where failures are returned to (the address of --from; <> for nowhere)',
  },
  ...server('smtp', { implicit: 465, starttls: 587 }),
  {
    key: 'ehlo',
    variable: 'MAILTOOL_EHLO',
    flag: '--ehlo <name>',
    group: 'smtp',
    kind: 'text',
    about: 'name to say in EHLO (the host name of this machine)',
  },
  ...server('pop3', { implicit: 995, starttls: 110 }),
  {
    key: 'pop3.lang',
    variable: 'MAILTOOL_POP3_LANG',
    flag: '--pop3-lang <tag>',
    group: 'pop3',
    kind: 'language',
    about: 'language for what the server says to people, where it has a choice: de, en-GB, or * for its own',
  },
  {
    key: 'state-dir',
    variable: 'MAILTOOL_STATE_DIR',
    flag: '--state-dir <dir>',
    group: 'pop3',
    kind: 'file',
    reaches: true,
    about: 'where fetch remembers what it has fetched ($XDG_STATE_HOME/mailtool)',
  },
  {
    key: 'cache',
    variable: 'MAILTOOL_CACHE',
    flag: '--cache <when>',
    group: 'pop3',
    kind: 'choice',
    choices: ['on', 'off'],
    about:
      'keep what list shows of messages in $XDG_CACHE_HOME/mailtool, and do not ask for it twice: on (the default), off',
  },
  {
    key: 'pipelining',
    variable: 'MAILTOOL_PIPELINING',
    flag: '--pipelining <when>',
    group: 'pop3',
    kind: 'choice',
    choices: ['auto', 'on', 'off'],
    about:
      'send several commands before their answers: auto (the default: as the server announces it), on, off',
  },
  {
    key: 'read-only',
    variable: 'MAILTOOL_READ_ONLY',
    flag: '--read-only',
    group: 'pop3',
    kind: 'boolean',
    about: 'never delete anything on the server: DELE is refused before it leaves',
  },
  {
    key: 'proxy',
    variable: 'MAILTOOL_PROXY',
    flag: '--proxy <url>',
    group: 'network',
    kind: 'proxy',
    steers: true,
    about:
      'go through this proxy: socks5://host:1080, socks4a://, http:// or https://; none = without one; user:password@ only in the variable',
  },
  {
    key: 'local-address',
    variable: 'MAILTOOL_LOCAL_ADDRESS',
    flag: '--local-address <ip>',
    group: 'network',
    kind: 'address',
    about: 'address of this machine to connect from',
  },
  {
    key: 'ipv4',
    flag: '-4, --ipv4',
    group: 'network',
    kind: 'boolean',
    about: 'connect by IPv4 only',
  },
  {
    key: 'ipv6',
    flag: '-6, --ipv6',
    group: 'network',
    kind: 'boolean',
    about: 'connect by IPv6 only',
  },
  {
    key: 'tls.ca',
    variable: 'MAILTOOL_TLS_CA',
    flag: '--tls-ca <file>',
    group: 'tls',
    kind: 'file',
    steers: true,
    about: 'PEM file of the only authorities to trust, or "system" for those of this machine',
  },
  {
    key: 'tls.fingerprint',
    variable: 'MAILTOOL_TLS_FINGERPRINT',
    flag: '--tls-fingerprint <sha256>',
    group: 'tls',
    kind: 'fingerprint',
    steers: true,
    about: 'accept exactly the certificate with this SHA-256, whoever issued it',
  },
  {
    key: 'tls.pin',
    variable: 'MAILTOOL_TLS_PIN',
    flag: '--tls-pin <sha256>',
    group: 'tls',
    kind: 'pin',
    steers: true,
    about:
      'accept any certificate with this public key: sha256//BASE64 or hexadecimal, several with commas (curl says --pinnedpubkey)',
  },
  {
    key: 'tls.min-version',
    variable: 'MAILTOOL_TLS_MIN_VERSION',
    flag: '--tls-min-version <version>',
    group: 'tls',
    kind: 'choice',
    choices: ['1.0', '1.1', '1.2', '1.3'],
    steers: true,
    about: 'oldest version of TLS to accept: 1.2 (the default), 1.3, or 1.0 and 1.1, which are broken',
  },
  {
    key: 'tls.cert',
    variable: 'MAILTOOL_TLS_CERT',
    flag: '--tls-cert <file>',
    group: 'tls',
    kind: 'file',
    about: 'PEM file of a client certificate',
  },
  {
    key: 'tls.key',
    variable: 'MAILTOOL_TLS_KEY',
    flag: '--tls-key <file>',
    group: 'tls',
    kind: 'file',
    reaches: true,
    about: 'PEM file of the key that belongs to it',
  },
  {
    key: 'tls.insecure',
    flag: '--tls-insecure',
    group: 'tls',
    kind: 'boolean',
    steers: true,
    about: 'accept any certificate: anyone on the way can read and change everything',
  },
  {
    key: 'allow-cleartext-auth',
    flag: '--allow-cleartext-auth',
    group: 'tls',
    kind: 'boolean',
    steers: true,
    about: 'send the password without TLS: anyone on the way can read it',
  },
  {
    key: 'dkim.key',
    variable: 'MAILTOOL_DKIM_KEY',
    flag: '--dkim-key <file>',
    group: 'dkim',
    kind: 'file',
    reaches: true,
    about: 'sign the message with the private key in this PEM file: RSA or Ed25519, or one of each',
  },
  {
    key: 'dkim.selector',
    variable: 'MAILTOOL_DKIM_SELECTOR',
    flag: '--dkim-selector <name>',
    group: 'dkim',
    kind: 'selectors',
    about: 'the public key is at NAME._domainkey.DOMAIN; for several keys as many names, with commas',
  },
  {
    key: 'dkim.domain',
    variable: 'MAILTOOL_DKIM_DOMAIN',
    flag: '--dkim-domain <domain>',
    group: 'dkim',
    kind: 'domain',
    about: 'the domain that signs (that of --from)',
  },
  {
    key: 'timeout',
    variable: 'MAILTOOL_TIMEOUT',
    flag: '--timeout <duration>',
    group: 'general',
    kind: 'duration',
    about: 'longest silence of the server: 30s, 5m (60s; 10m after the end of a message)',
  },
  {
    key: 'deadline',
    variable: 'MAILTOOL_DEADLINE',
    flag: '--deadline <duration>',
    group: 'general',
    kind: 'duration',
    about: 'longest time for the whole run (none)',
  },
  {
    key: 'log-file',
    variable: 'MAILTOOL_LOG_FILE',
    flag: '--log-file <file>',
    group: 'general',
    kind: 'file',
    reaches: true,
    about: 'append the transcript, without secrets, to this file',
  },
];

const byKey: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.key, setting]));

/** The row of `key`. */
export function settingOf(key: SettingKey): Setting {
  const setting = byKey.get(key);
  if (setting === undefined) throw new TypeError(`no setting is called ${key}`);
  return setting;
}

/** The long flag alone (`--smtp-host`), or undefined where there is none. */
export function flagName(setting: Setting): string | undefined {
  return setting.flag?.match(/--[a-z0-9-]+/)?.[0];
}

/** What a setting that is a secret, or leads to one, holds. */
export function secretNoun({ key }: Setting): SecretNoun {
  return /\.token(?:-|$)/.test(key) ? 'token' : 'password';
}

/** What to write to set it, for hints: `--smtp-host or MAILTOOL_SMTP_HOST`. */
export function waysToSet(key: SettingKey): string {
  const setting = settingOf(key);
  return [flagName(setting), setting.variable].filter((way) => way !== undefined).join(' or ');
}
