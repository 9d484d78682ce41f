import type { Account, ConfigFiles, Protocol, SettingKey, Settings, Sources } from '../config/index.ts';
import { ConfigError, UsageError } from '../errors.ts';
import type { Deadline } from '../net/deadline.ts';
import type { DialOptions } from '../net/options.ts';
import type { Transcript } from '../net/transcript.ts';
import type { Credentials } from '../sasl/index.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';
import { NO_PROGRESS, type Progress, type ProgressOptions, startProgress } from './progress.ts';
import { TranscriptLog, transcriptLine } from './transcript-log.ts';

/** Settings that were typed. */
export type Flags = Readonly<Partial<Record<SettingKey, string | boolean>>>;

export interface ContextOptions {
  /** The command's name. */
  readonly name: string;
  readonly input: boolean;
  readonly deadline: Deadline | undefined;
  readonly settingsWith: (flags: Flags, account?: Sources['account']) => Promise<Settings>;
  readonly config: () => Promise<ConfigFiles>;
  /** Of `-a`. */
  readonly accounts: readonly string[];
}

/** Whoever watches the deadline itself comes first, and can say what it was that took so long. */
const DEADLINE_GRACE_MS = 200;

/** What a timer can count to; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function timer({ remainingMs }: Deadline): AbortSignal {
  return AbortSignal.timeout(Math.min(Math.ceil(remainingMs) + DEADLINE_GRACE_MS, LONGEST_TIMER_MS));
}

/** Everything a command works with. */
export class Context {
  readonly io: Io;
  readonly output: Output;
  /** The end of the whole run, with `--deadline`. */
  readonly deadline: Deadline | undefined;
  /** Aborted by SIGINT or SIGTERM, and when the deadline has passed: for what cannot watch the deadline itself. */
  readonly signal: AbortSignal;
  /** False with `--no-input`, in CI and without a terminal: nothing may be asked. */
  readonly interactive: boolean;
  readonly #settings: Settings | undefined;
  readonly #options: ContextOptions;
  #log: TranscriptLog | undefined;
  /** Passwords and tokens of all servers of this run. */
  readonly #secrets = new Set<string>();

  constructor(io: Io, output: Output, settings: Settings | undefined, options: ContextOptions) {
    this.io = io;
    this.output = output;
    this.interactive = options.input && (io.env['CI'] ?? '') === '' && io.stdin.isTTY && io.stderr.isTTY;
    this.#settings = settings;
    this.#options = options;
    this.deadline = options.deadline;
    // One of its own for each account: many listening to one and the same look like a leak.
    this.signal =
      options.deadline === undefined
        ? output.label === ''
          ? io.signal
          : AbortSignal.any([io.signal])
        : AbortSignal.any([io.signal, timer(options.deadline)]);
  }

  /** Of a command that `connects`. */
  get settings(): Settings {
    if (this.#settings === undefined) throw new TypeError('this command has no settings');
    return this.#settings;
  }

  /** The settings as they would be had these flags been typed too; for `SEVERAL` those of no account. */
  settingsWith(flags: Flags, account?: Sources['account']): Promise<Settings> {
    return this.#options.settingsWith(flags, account);
  }

  /** The accounts that were named with `-a`. */
  get accounts(): readonly string[] {
    return this.#options.accounts;
  }

  /** The configuration files of the run. */
  config(): Promise<ConfigFiles> {
    return this.#options.config();
  }

  /** The same run for one account, with its settings, speaking through `output`. ConfigError when there is none of that name. */
  async forAccount(name: string, output: Output): Promise<Context> {
    const settings = await this.settingsWith({}, name);
    const ownMs = settings.stated('deadline')?.layer.endsWith('-config')
      ? settings.duration('deadline')
      : undefined;
    const deadline =
      ownMs === undefined ? this.deadline : (await import('../net/deadline.ts')).Deadline.after(ownMs);
    const command = `${this.#options.name} -a ${name}`;
    return new Context(this.io, output, settings, { ...this.#options, name: command, deadline });
  }

  /** A bar on the terminal of standard error after a second, or nothing where it would be in the way. */
  progress(options: ProgressOptions): Progress {
    const { quiet, verbosity } = this.output;
    const isOneOfSeveral = this.output.label !== '';
    return quiet || verbosity > 1 || isOneOfSeveral ? NO_PROGRESS : startProgress(this.io, options);
  }

  /** The account of the settings, checked: ConfigError when it is not complete. Nothing is read and nobody is asked yet. */
  async account(protocol: Protocol, options: { readonly login?: boolean } = {}): Promise<Account> {
    const { serverAccount } = await import('../config/index.ts');
    const account = serverAccount(this.settings, protocol, options);
    if (account.mechanism !== undefined) await this.#checkMechanism(account.mechanism, account);
    return account;
  }

  /** What a client needs to reach `account`: its password or token and its TLS files are read now. */
  async clientOptions(account: Account): Promise<ClientOptions> {
    const { readSecret, readTlsFiles } = await import('../config/index.ts');
    const warn = (text: string) => this.output.warn(text);
    const { secret, mechanism } = account;
    const proof = await readSecret(account, {
      warn,
      env: this.io.env,
      signal: this.signal,
      ...(secret?.kind === 'stdin' ? { stdin: this.io.stdin.read(this.signal) } : {}),
    });
    // Also without a transcript to show: a server may echo the secret in what becomes an error.
    for (const each of [proof, account.proxy?.password]) if (each !== undefined) this.#secrets.add(each);
    const transcript = this.#isTraced || this.#secrets.size > 0 ? await this.#transcript() : undefined;
    if (transcript !== undefined && this.#secrets.size > 0) {
      for (const each of this.#secrets) transcript.hide(each);
      this.output.redactWith((text) => transcript.redact(text));
    }
    return {
      host: account.host,
      port: account.port,
      security: account.security,
      tls: await readTlsFiles(account.tls, { warn }),
      credentials: credentialsOf(account, proof),
      mechanism,
      allowCleartextAuth: account.allowCleartextAuth,
      proxy: account.proxy,
      localAddress: account.localAddress,
      family: account.family,
      connectTimeoutMs: account.connectTimeoutMs,
      idleTimeoutMs: account.idleTimeoutMs,
      deadline: this.deadline,
      transcript: this.#isTraced ? transcript : undefined,
      signal: this.signal,
    };
  }

  /** A name that nobody knows is the caller's mistake, and told before a socket opens. */
  async #checkMechanism(name: string, { protocol }: Account): Promise<void> {
    const { MECHANISMS } = await import('../sasl/index.ts');
    const own = protocol === 'pop3' ? ['USER', 'APOP', 'none'] : ['none'];
    const names = [...own, ...MECHANISMS.map((mechanism) => mechanism.name)];
    if (names.some((known) => known.toUpperCase() === name.toUpperCase())) return;
    const stated = this.settings.stated(`${protocol}.auth`);
    const details = { hint: `known are ${names.join(', ')}` };
    const message = `${stated?.place ?? 'the settings'}: there is no log-in mechanism ${JSON.stringify(name.slice(0, 40))}`;
    throw stated?.layer === 'flag' ? new UsageError(message, details) : new ConfigError(message, details);
  }

  /** Closes what the shell opened. */
  close(): void {
    this.#log?.close();
    this.#log = undefined;
  }

  get #isTraced(): boolean {
    return this.output.verbosity > 1 || this.#settings?.text('log-file') !== undefined;
  }

  async #transcript(): Promise<Transcript> {
    const path = this.#settings?.text('log-file');
    if (path !== undefined) {
      this.#log ??= new TranscriptLog(path, `mailtool ${this.#options.name}`, (text) =>
        this.output.warn(text),
      );
    }
    const { Transcript } = await import('../net/transcript.ts');
    return new Transcript((entry) => {
      const line = transcriptLine(entry);
      this.#log?.line(this.output.label + line);
      this.output.trace(line);
    });
  }
}

/** How to log in to `account`, given its password or token; undefined: not at all. */
function credentialsOf(
  { username, mechanism, secret }: Account,
  proof: string | undefined,
): Credentials | undefined {
  // The certificate says who logs in; a user that is named all the same is the one to act as (RFC 4422 appendix A).
  if (mechanism === 'EXTERNAL') return { username: '', authorizationId: username };
  if (mechanism === 'ANONYMOUS') return { username: username ?? '' };
  if (username === undefined) return undefined;
  return secret?.noun === 'token' ? { username, token: proof } : { username, password: proof };
}

/** What SMTP and POP3 clients have in common. */
export interface ClientOptions extends DialOptions {
  readonly credentials?: Credentials | undefined;
  readonly mechanism?: string | undefined;
  readonly allowCleartextAuth?: boolean | undefined;
}

/** A duration of the command line in milliseconds: `30s`, `5m`, `2h`, `7d`; at most `longestMs`, or what a timer can count. */
export async function durationOption(flag: string, text: string, longestMs?: number): Promise<number> {
  const { BadValue, parseDuration } = await import('../config/index.ts');
  try {
    return parseDuration(text, longestMs);
  } catch (error) {
    if (error instanceof BadValue) throw new UsageError(`${flag}: ${error.message}`);
    throw error;
  }
}
