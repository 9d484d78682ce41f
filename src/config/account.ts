/** From settings to what a client needs to reach a server and log in. */
import { ConfigError } from '../errors.ts';
import { type Security, saidEndpoint } from './endpoint.ts';
import type { Settings } from './layers.ts';
import { type Reach, reachOf } from './reach.ts';
import { SecretSource } from './secret.ts';
import { type Protocol, SETTINGS, type SettingKey, secretNoun } from './settings.ts';
import type { Stated } from './stated.ts';
import type { TlsFiles, TlsVersion } from './tls-files.ts';
import { checkInherited, checkTrust } from './trust.ts';
import { parseFingerprint, parseMechanism, parsePins } from './values.ts';

/** A server and how to log in there. It may be printed: the password is not in it, but in the source's private field. */
export interface Account extends Reach {
  readonly protocol: Protocol;
  /** An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  /** Absent: no log-in. */
  readonly username: string | undefined;
  /** In upper case; `none` = do not log in; undefined = the strongest that is offered. */
  readonly mechanism: string | undefined;
  /** Give it to `readSecret`. Absent where neither password nor token is needed. */
  readonly secret: SecretSource | undefined;
  /** Give them to `readTlsFiles`. */
  readonly tls: TlsFiles;
  /** True when it was typed, and for a server on this machine that no proxy stands before. */
  readonly allowCleartextAuth: boolean;
  /** Milliseconds; undefined = what the client does by itself. */
  readonly connectTimeoutMs: number | undefined;
  readonly idleTimeoutMs: number | undefined;
  readonly deadlineMs: number | undefined;
}

export interface AccountOptions {
  /** False: only to look at the server. No user is wanted and no password touched. */
  readonly login?: boolean;
}

/** RFC 8314 7.3 and 6409 3.1, 5321 4.5.4.2; 1939 3. */
const PORTS = {
  smtp: { implicit: 465, starttls: 587, none: 25 },
  pop3: { implicit: 995, starttls: 110, none: 110 },
} as const satisfies Record<Protocol, Record<Security, number>>;

/** Mechanisms that prove who one is by something else than a password (RFC 4422 appendix A, 4505). */
const WITHOUT_SECRET: ReadonlySet<string> = new Set(['EXTERNAL', 'ANONYMOUS']);

/** Reaching a server takes at most this, whatever `timeout` allows; less when `timeout` is less. */
const CONNECT_TIMEOUT_MS = 20_000;

/** Mechanisms that take a token, and nothing else (RFC 7628, and the form before it). */
const WITH_TOKEN: ReadonlySet<string> = new Set(['OAUTHBEARER', 'XOAUTH2']);

const SECRET_PARTS = [
  'password',
  'password-file',
  'password-cmd',
  'password-stdin',
  'token',
  'token-cmd',
] as const;
const SECRET_KINDS = {
  password: 'text',
  'password-file': 'file',
  'password-cmd': 'command',
  'password-stdin': 'stdin',
  token: 'text',
  'token-cmd': 'command',
} as const;

/**
 * The account that `settings` describe. ConfigError when the host is missing, when two settings of one place contradict
 * each other, when there is a user without a password or token, or the other way round, when the mechanism takes the other
 * of these, or when the trust rule is broken.
 */
export function serverAccount(
  settings: Settings,
  protocol: Protocol,
  { login = true }: AccountOptions = {},
): Account {
  const { host, port, tls, user } = saidEndpoint(settings, protocol);
  const name = protocol.toUpperCase();
  if (host === undefined) {
    throw new ConfigError(`no ${name} server is set`, {
      stage: 'config',
      hint: `give ${settings.waysToSet(`${protocol}.host`)}${accountsHint(settings)}`,
    });
  }
  const reach = reachOf(settings);
  // Through a proxy, loopback is the proxy's own machine, or nobody knows whose.
  const isHere = isLoopback(host.value) && (reach.proxy === undefined || host.value.startsWith('/'));
  const security = tls?.value ?? securityOf(protocol, isHere, port?.value);
  if (security === 'none') checkUnprotected(settings, protocol);
  const mechanism = login ? settings.stated(`${protocol}.auth`)?.read(parseMechanism) : 'none';
  const credentials =
    mechanism === 'none' ? {} : credentialsOf(settings, protocol, user?.value, mechanism ?? 'auto');
  if (credentials.secret !== undefined) {
    checkInherited(settings.layers, credentials.secret, host.stated);
    checkTrust(credentials.secret, [
      host.stated,
      port?.stated,
      tls?.stated,
      ...SETTINGS.filter(({ group, steers }) => steers && group !== 'smtp' && group !== 'pop3').map(
        ({ key }) => settings.stated(key),
      ),
    ]);
  }
  const idleTimeoutMs = settings.duration('timeout');
  return {
    protocol,
    host: host.value,
    port: port?.value ?? PORTS[protocol][security],
    security,
    username: credentials.username,
    mechanism: mechanism === 'auto' ? undefined : mechanism,
    secret: credentials.secret === undefined ? undefined : sourceOf(credentials.secret),
    tls: tlsFilesOf(settings),
    allowCleartextAuth: settings.is('allow-cleartext-auth') || isHere,
    ...reach,
    connectTimeoutMs: idleTimeoutMs === undefined ? undefined : Math.min(idleTimeoutMs, CONNECT_TIMEOUT_MS),
    idleTimeoutMs,
    deadlineMs: settings.duration('deadline'),
  };
}

function accountsHint({ account, accounts }: Settings): string {
  if (account !== undefined || accounts.length === 0) return '';
  return `, or name an account with -a: ${accounts.slice(0, 10).join(', ')}`;
}

/**
 * Whether `host` is this machine whatever a name server says: `localhost` itself (names below it are often looked up),
 * 127.0.0.0/8, ::1, and the path of a Unix socket.
 */
export function isLoopback(host: string): boolean {
  if (host.startsWith('/') || host.toLowerCase() === 'localhost') return true;
  const octets = /^(?:::ffff:)?127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(host);
  if (octets !== null) return octets.slice(1).every((octet) => Number(octet) <= 255);
  return /^[0:]*:0{0,3}1$/.test(host);
}

/** What only TLS can keep. Said for this run, it must not be passed over; in the environment it may be for another server. */
const KEPT_BY_TLS = ['tls.fingerprint', 'tls.pin', 'tls.min-version', 'tls.cert'] as const;

function checkUnprotected(settings: Settings, protocol: Protocol): void {
  for (const key of KEPT_BY_TLS) {
    const stated = settings.stated(key);
    if (stated?.layer !== 'flag') continue;
    throw new ConfigError(`--${key.replace('.', '-')} means nothing without TLS`, {
      stage: 'config',
      hint: `give --${protocol}-tls starttls or implicit: to this machine there is no TLS unless it is asked for`,
    });
  }
}

/** TLS when nobody said: required, by the port's custom, but to this machine. */
function securityOf(protocol: Protocol, isHere: boolean, port: number | undefined): Security {
  if (port === PORTS[protocol].implicit) return 'implicit';
  return isHere ? 'none' : 'starttls';
}

function credentialsOf(
  settings: Settings,
  protocol: Protocol,
  username: string | undefined,
  mechanism: string,
): { readonly username?: string; readonly secret?: Stated } {
  const name = protocol.toUpperCase();
  const secret = WITHOUT_SECRET.has(mechanism) ? undefined : secretOf(settings, protocol);
  const incomplete = (what: string, parts: readonly SettingKey[]) =>
    new ConfigError(what, {
      stage: 'config',
      hint: `give ${parts.map((part) => settings.waysToSet(part)).join(', or ')}; or --${protocol}-auth none to go without logging in`,
    });
  if (username === undefined) {
    if (WITHOUT_SECRET.has(mechanism)) return {};
    if (secret !== undefined) {
      throw incomplete(
        `there is a ${secretNoun(secret.setting)} for ${name} (${secret.place}), but no user`,
        [`${protocol}.user`],
      );
    }
    if (protocol === 'pop3' || mechanism !== 'auto') {
      throw incomplete(`no user is set for ${name}`, [`${protocol}.user`]);
    }
    return {};
  }
  if (secret === undefined && !WITHOUT_SECRET.has(mechanism)) {
    if (WITH_TOKEN.has(mechanism)) {
      throw incomplete(`there is a user for ${name}, but no token for ${mechanism}`, [
        `${protocol}.token`,
        `${protocol}.token-cmd`,
      ]);
    }
    throw incomplete(`there is a user for ${name}, but no password`, [
      `${protocol}.password`,
      `${protocol}.password-file`,
      `${protocol}.password-cmd`,
    ]);
  }
  if (secret !== undefined) checkMechanism(settings, protocol, mechanism, secret);
  return { username, ...(secret === undefined ? {} : { secret }) };
}

/** A mechanism that was named has to take what there is to prove oneself with. */
function checkMechanism(settings: Settings, protocol: Protocol, mechanism: string, secret: Stated): void {
  const noun = secretNoun(secret.setting);
  const wanted = WITH_TOKEN.has(mechanism) ? 'token' : 'password';
  if (mechanism === 'auto' || noun === wanted) return;
  throw new ConfigError(`${mechanism} takes a ${wanted}, not a ${noun} (${secret.place})`, {
    stage: 'config',
    hint:
      wanted === 'token'
        ? `give ${settings.waysToSet(`${protocol}.token`)} or ${settings.waysToSet(`${protocol}.token-cmd`)}`
        : `leave ${settings.waysToSet(`${protocol}.auth`)} out, or make it oauthbearer or xoauth2`,
  });
}

/** The one source of the password or token that counts: that of the highest layer that has any. */
function secretOf(settings: Settings, protocol: Protocol): Stated | undefined {
  for (const layer of settings.layers) {
    const [first, second] = SECRET_PARTS.flatMap((part) => layer.get(`${protocol}.${part}`) ?? []);
    if (first !== undefined && second !== undefined) {
      const nouns = [first, second].map(({ setting }) => secretNoun(setting));
      const what =
        nouns[0] === nouns[1] ? `the ${nouns[0]} is said twice` : 'there are a password and a token';
      throw new ConfigError(`${what}: ${first.place} and ${second.place}`, {
        stage: 'config',
        hint: 'leave one of them out',
      });
    }
    if (first !== undefined) return first;
  }
  return undefined;
}

function sourceOf(secret: Stated): SecretSource {
  const part = SECRET_PARTS.find((each) => secret.setting.key.endsWith(`.${each}`)) ?? 'password';
  const kind = SECRET_KINDS[part];
  const what = kind === 'command' ? secret.command : secret.text;
  return new SecretSource(kind, secret.place, what, secretNoun(secret.setting));
}

function tlsFilesOf(settings: Settings): TlsFiles {
  const file = (key: SettingKey) => {
    const stated = settings.stated(key);
    return stated === undefined ? undefined : { path: stated.text, place: stated.place };
  };
  const [ca, cert, key] = [file('tls.ca'), file('tls.cert'), file('tls.key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError(
      cert === undefined
        ? `there is a key for TLS (${key?.place}), but no certificate`
        : `there is a client certificate for TLS (${cert.place}), but no key`,
      { stage: 'config', hint: `give ${settings.waysToSet(cert === undefined ? 'tls.cert' : 'tls.key')}` },
    );
  }
  const fingerprint = settings.stated('tls.fingerprint')?.read(parseFingerprint);
  const pins = settings.stated('tls.pin')?.read(parsePins);
  const minVersion = settings.text('tls.min-version') as TlsVersion | undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(pins === undefined ? {} : { pins }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(settings.is('tls.insecure') ? { insecure: true } : {}),
  };
}
