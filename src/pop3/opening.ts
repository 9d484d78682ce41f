import { type RejectedError, TlsError, UnsupportedError, UsageError } from '../errors.ts';
import { Connection } from '../net/connection.ts';
import { type DialOptions, IDLE_TIMEOUT_MS } from '../net/options.ts';
import type { Credentials } from '../sasl/index.ts';
import { type Capabilities, capabilityLine, readCapabilities } from './capabilities.ts';
import { Dialogue } from './dialogue.ts';
import { rejected } from './failures.ts';
import { isLanguageRange } from './language.ts';
import { Pop3Session } from './session.ts';

export interface Pop3Options extends DialOptions {
  readonly credentials?: Credentials | undefined;
  /** A SASL mechanism by name, `USER` or `APOP`; the strongest offered when absent; `none` to stay in AUTHORIZATION. */
  readonly mechanism?: string | undefined;
  /** Lets a password be written without TLS. */
  readonly allowCleartextAuth?: boolean | undefined;
  /**
   * Several commands in a row before their answers: `auto`, when absent, where the server announces it, and no longer once
   * it has shown that it cannot.
   */
  readonly pipelining?: 'auto' | 'on' | 'off' | undefined;
  /** The language for what the server says to people: a tag (RFC 5646), or `*` for its own choice. A no is no failure. */
  readonly language?: string | undefined;
  /** Nothing may be deleted: DELE is a `UsageError`, and never leaves. */
  readonly readOnly?: boolean | undefined;
}

/** How long each step took. Absent: it did not happen. */
export interface Pop3Timings {
  readonly connect?: number;
  readonly tls?: number;
  readonly auth?: number;
}

/** A connection that has been opened, up to TRANSACTION where there are credentials. */
export interface Link {
  readonly connection: Connection;
  readonly session: Pop3Session;
  readonly dialogue: Dialogue;
  readonly greeting: string;
  readonly mechanism: string | undefined;
  /** What CAPA listed before STLS, and before the log-in, where these took place. */
  readonly plainCapabilities: Capabilities | undefined;
  readonly openCapabilities: Capabilities | undefined;
  /** Why the server does not speak the language that was asked for. */
  readonly languageProblem: RejectedError | UnsupportedError | undefined;
  readonly timingsMs: Pop3Timings;
}

/** Dials, reads the greeting, puts TLS on and logs in, as `options` say; what fails is closed. */
export async function open(options: Pop3Options): Promise<Link> {
  const { language } = options;
  if (language !== undefined && !isLanguageRange(language))
    throw new UsageError(`${JSON.stringify(language.slice(0, 40))} is not a language tag`);
  const { password, token } = options.credentials ?? {};
  if (password !== undefined) options.transcript?.hide(password);
  if (token !== undefined) options.transcript?.hide(token);
  const started = performance.now();
  const opening = new Opening(await Connection.dial(options), options);
  const connect = performance.now() - started;
  try {
    return await opening.link(connect);
  } catch (error) {
    opening.connection.close();
    throw error;
  }
}

class Opening {
  readonly connection: Connection;
  readonly #options: Pop3Options;
  readonly #session: Pop3Session;
  readonly #dialogue: Dialogue;
  #plainCapabilities: Capabilities | undefined;
  #openCapabilities: Capabilities | undefined;
  #tlsMs: number | undefined;
  #authMs: number | undefined;
  #languageProblem: RejectedError | UnsupportedError | undefined;

  constructor(connection: Connection, options: Pop3Options) {
    this.connection = connection;
    this.#options = options;
    const { allowCleartextAuth, pipelining, readOnly } = options;
    const implicit = connection.tls !== undefined;
    this.#session = new Pop3Session({ protected: implicit, allowCleartextAuth, pipelining, readOnly });
    this.#dialogue = new Dialogue(connection, this.#session, options.idleTimeoutMs);
  }

  async link(connect: number): Promise<Link> {
    const { security, credentials, mechanism: wanted } = this.#options;
    const greeting = await this.#greet();
    await this.#capa();
    if (security === 'starttls') await this.#stls();
    // Before the log-in, so that its refusal can be read.
    const asked = await this.#speak();
    // A no is none that matters: then the server makes ASCII of what is UTF-8, or refuses it with a code.
    if (this.#session.capabilities.has('UTF8')) await this.#dialogue.exchange('UTF8');
    const loggedIn = credentials !== undefined && wanted !== 'none';
    const mechanism = loggedIn ? await this.#logIn(greeting, credentials) : undefined;
    if (!asked && !(await this.#speak())) this.#languageProblem = noLanguage();
    return {
      connection: this.connection,
      session: this.#session,
      dialogue: this.#dialogue,
      greeting,
      mechanism,
      plainCapabilities: this.#plainCapabilities,
      openCapabilities: this.#openCapabilities,
      languageProblem: this.#languageProblem,
      timingsMs: {
        connect,
        ...(this.#tlsMs === undefined ? {} : { tls: this.#tlsMs }),
        ...(this.#authMs === undefined ? {} : { auth: this.#authMs }),
      },
    };
  }

  async #greet(): Promise<string> {
    const greeting = await this.#dialogue.receive();
    if (!greeting.ok) throw rejected(greeting);
    return greeting.status.text;
  }

  /** What a server that does not know CAPA refuses is nothing to worry about (RFC 2449 5). */
  async #capa(): Promise<void> {
    const exchange = await this.#dialogue.exchange('CAPA');
    if (!exchange.ok) return;
    const capabilities = await readCapabilities(this.#dialogue.block('CAPA'));
    this.#session.learn(capabilities);
    this.connection.note(`capabilities: ${capabilityLine(capabilities)}`);
  }

  async #stls(): Promise<void> {
    const { capabilities } = this.#session;
    // A server that lists nothing at all may have it all the same.
    if (capabilities.size > 0 && !capabilities.has('STLS')) throw this.#noTls('does not offer STLS');
    const started = performance.now();
    const answer = await this.#dialogue.exchange('STLS');
    if (!answer.ok) throw this.#noTls('refused STLS', rejected(answer));
    await this.connection.secure(this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
    this.#session.secured();
    this.#tlsMs = performance.now() - started;
    this.#plainCapabilities = capabilities;
    await this.#capa();
  }

  #noTls(what: string, cause?: RejectedError): TlsError {
    return new TlsError(`${this.connection.host} ${what}, and TLS is required`, {
      cause,
      reply: cause?.reply,
      retryable: cause?.retryable ?? false,
      hint: 'use the port for implicit TLS (995); or, where nobody can listen in, --pop3-tls none',
    });
  }

  /** Asks for the language, where one is wanted; false: the server has not announced that it can. */
  async #speak(): Promise<boolean> {
    const { language } = this.#options;
    if (language === undefined) return true;
    if (!this.#session.capabilities.has('LANG')) return false;
    const answer = await this.#dialogue.exchange('LANG', language);
    if (!answer.ok) this.#languageProblem = rejected(answer);
    return true;
  }

  async #logIn(greeting: string, credentials: Credentials): Promise<string> {
    const started = performance.now();
    const { logIn } = await import('./authentication.ts');
    const mechanism = await logIn(
      (verb, ...words) => this.#dialogue.exchange(verb, ...words),
      { greeting, capabilities: this.#session.capabilities },
      credentials,
      this.#options.mechanism,
      {
        tls: this.connection.tls !== undefined,
        allowCleartext: this.#options.allowCleartextAuth === true,
      },
      this.connection,
    );
    this.#authMs = performance.now() - started;
    this.#openCapabilities = this.#session.capabilities;
    await this.#capa(); // some are announced to those who have logged in only
    return mechanism;
  }
}

function noLanguage(): UnsupportedError {
  return new UnsupportedError('the server does not offer a choice of languages', 'LANG', { stage: 'capa' });
}
