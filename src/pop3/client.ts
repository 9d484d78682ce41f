import { MailError, type PeerCertificate, type RejectedError, TlsError, UsageError } from '../errors.ts';
import { Connection } from '../net/connection.ts';
import { type DialOptions, IDLE_TIMEOUT_MS } from '../net/options.ts';
import type { TlsInfo } from '../net/tls.ts';
import type { Credentials } from '../sasl/index.ts';
import { type Capabilities, capabilityLine, readCapabilities } from './capabilities.ts';
import { Dialogue } from './dialogue.ts';
import { inDoubt, rejected, unsupported } from './failures.ts';
import {
  type DropListing,
  parseDropListing,
  readScanListing,
  readUniqueIdListing,
  type ScanListing,
  type UniqueIdListing,
} from './listing.ts';
import { answerOf, type RawAnswer, rawCommand, rowOf } from './raw.ts';
import { type Exchange, Pop3Session } from './session.ts';
import type { Verb } from './verbs.ts';

export interface Pop3Options extends DialOptions {
  readonly credentials?: Credentials | undefined;
  /** A SASL mechanism by name, `USER` or `APOP`; the strongest offered when absent; `none` to stay in AUTHORIZATION. */
  readonly mechanism?: string | undefined;
  /** Lets a password be written without TLS. */
  readonly allowCleartextAuth?: boolean | undefined;
  /** Several commands in a row before their answers: `auto`, when absent, where the server announces it. */
  readonly pipelining?: 'auto' | 'on' | 'off' | undefined;
}

/** How long each step took. Absent: it did not happen. */
export interface Pop3Timings {
  readonly connect?: number;
  readonly tls?: number;
  readonly auth?: number;
}

/** One of several messages: what the server sent, to be read before the next is asked for, or why it did not. */
export type Retrieved =
  | { readonly number: number; readonly bytes: AsyncIterable<Uint8Array>; readonly error?: undefined }
  | { readonly number: number; readonly error: RejectedError; readonly bytes?: undefined };

/** Where nothing is to be deleted, the answer to QUIT is not worth a longer wait. */
const QUIT_PATIENCE_MS = 2_000;

/**
 * A session with a POP3 server, in TRANSACTION once `connect` has logged in. A `RejectedError` leaves it usable; any other
 * failure of the network or the server has closed it, and then nothing has been deleted.
 */
export class Pop3Client implements AsyncDisposable {
  readonly #options: Pop3Options;
  readonly #connection: Connection;
  readonly #session: Pop3Session;
  readonly #dialogue: Dialogue;
  #plainCapabilities: Capabilities | undefined;
  #openCapabilities: Capabilities | undefined;
  #greeting = '';
  #mechanism: string | undefined;
  #timings: { -readonly [K in keyof Pop3Timings]: Pop3Timings[K] } = {};

  private constructor(connection: Connection, options: Pop3Options) {
    this.#connection = connection;
    this.#options = options;
    const { allowCleartextAuth, pipelining } = options;
    const implicit = connection.tls !== undefined;
    this.#session = new Pop3Session({ protected: implicit, allowCleartextAuth, pipelining });
    this.#dialogue = new Dialogue(connection, this.#session, options.idleTimeoutMs);
  }

  /** Dials, reads the greeting, puts TLS on and logs in, as `options` say. */
  static async connect(options: Pop3Options): Promise<Pop3Client> {
    const { password, token } = options.credentials ?? {};
    if (password !== undefined) options.transcript?.hide(password);
    if (token !== undefined) options.transcript?.hide(token);
    const started = performance.now();
    const client = new Pop3Client(await Connection.dial(options), options);
    try {
      client.#timings.connect = performance.now() - started;
      await client.#greet();
      await client.#capa();
      if (options.security === 'starttls') await client.#stls();
      if (options.credentials !== undefined && options.mechanism !== 'none')
        await client.#logIn(options.credentials);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** What CAPA lists now; empty where the server does not know CAPA. */
  get capabilities(): Capabilities {
    return this.#session.capabilities;
  }

  /** What CAPA listed before STLS, where that took place. */
  get plainCapabilities(): Capabilities | undefined {
    return this.#plainCapabilities;
  }

  /** What CAPA listed before the log-in, where that took place. */
  get openCapabilities(): Capabilities | undefined {
    return this.#openCapabilities;
  }

  get greeting(): string {
    return this.#greeting;
  }

  get tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  /** The server's certificate and its issuers, as far as they are known; empty without TLS, and once it is closed. */
  get certificateChain(): readonly PeerCertificate[] {
    return this.#connection.certificateChain;
  }

  /** How the log-in was made: a SASL mechanism, `USER` or `APOP`; absent: there was none. */
  get mechanism(): string | undefined {
    return this.#mechanism;
  }

  get timingsMs(): Pop3Timings {
    return this.#timings;
  }

  /** Whether messages are marked as deleted, which `quit` would remove. */
  get marked(): boolean {
    return this.#session.state === 'marked';
  }

  async stat(): Promise<DropListing> {
    const { status } = await this.#ask('STAT');
    return await this.#closing(async () => parseDropListing(status.text));
  }

  /** The scan listing, in the server's order: numbers may have gaps, sizes are its word only. */
  async list(): Promise<ScanListing[]> {
    await this.#ask('LIST');
    return await this.#closing(() => readScanListing(this.#dialogue.block('LIST')));
  }

  /** The unique-ids; messages without a usable one are left out. `UnsupportedError` where the server has none at all. */
  async uidl(): Promise<UniqueIdListing[]> {
    await this.#ask('UIDL');
    return await this.#closing(() => readUniqueIdListing(this.#dialogue.block('UIDL')));
  }

  /**
   * The octets of a message, unstuffed. A chunk is only good until the next is asked for. Leaving early closes the
   * connection; the connection's end before the final dot is an error, whatever came before it.
   */
  async *retr(number: number): AsyncGenerator<Uint8Array, void, void> {
    await this.#ask('RETR', number);
    yield* this.#dialogue.block('RETR');
  }

  /** The header and the first `lines` lines of the body, like `retr`. */
  async *top(number: number, lines: number): AsyncGenerator<Uint8Array, void, void> {
    await this.#ask('TOP', number, lines);
    yield* this.#dialogue.block('TOP');
  }

  /** Several messages in the given order, several at a time under way where the server pipelines. */
  retrs(numbers: Iterable<number>): AsyncGenerator<Retrieved, void, void> {
    return this.#several('RETR', numbers);
  }

  tops(numbers: Iterable<number>, lines: number): AsyncGenerator<Retrieved, void, void> {
    return this.#several('TOP', numbers, lines);
  }

  /** Marks a message; it is gone after `quit` only. */
  async dele(number: number): Promise<void> {
    await this.#ask('DELE', number);
  }

  /** Marks messages; gives the refusals, by number. The others are marked. */
  async deles(numbers: Iterable<number>): Promise<ReadonlyMap<number, RejectedError>> {
    const refused = new Map<number, RejectedError>();
    for await (const { number, exchange } of this.#dialogue.window('DELE', numbers)) {
      if (!exchange.ok) refused.set(number, rejected(exchange));
    }
    return refused;
  }

  /** Takes all marks back. */
  async rset(): Promise<void> {
    await this.#ask('RSET');
  }

  async noop(): Promise<void> {
    await this.#ask('NOOP');
  }

  /**
   * Sends one command as it was typed: gives the status, also a no, and the lines that belong to it, which are to be read
   * before anything else. `UsageError` for what is more than a command: AUTH, STLS, several lines. QUIT ends the session.
   */
  async raw(line: string): Promise<RawAnswer> {
    const command = rawCommand(line);
    if (command.secret !== undefined) this.#options.transcript?.hide(command.secret);
    if (command.verb === 'QUIT') {
      const said = await this.#quit();
      if (said instanceof MailError) throw said;
      return answerOf(said);
    }
    const { verb, words } = rowOf(command, this.#session.state);
    const exchange = await this.#dialogue.exchange(verb, ...words);
    return { ...answerOf(exchange), block: exchange.block ? this.#dialogue.block(verb) : undefined };
  }

  /**
   * Ends the session and closes. With marked messages it resolves on the server's `+OK` alone; anything else is an error
   * with `delivery: 'in-doubt'`. With none, nothing depends on the answer, and a server that gives none is left.
   */
  async quit(): Promise<void> {
    await this.#quit();
  }

  /** Closes at once, without QUIT: nothing is deleted. */
  close(): void {
    this.#connection.close();
  }

  /** Leaves politely and deletes nothing: marks that `quit` has not made true are taken back. Never fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.marked) await this.#dialogue.exchangeWithin(QUIT_PATIENCE_MS, 'RSET');
      if (!this.marked) await this.quit();
    } catch {
      // Closed already, or in the middle of something: without QUIT the server deletes nothing.
    } finally {
      this.close();
    }
  }

  /** The answer to QUIT; where nothing depends on it, also why there is none. */
  async #quit(): Promise<Exchange | MailError> {
    const { marked } = this;
    try {
      const exchange = await this.#dialogue.exchangeWithin(marked ? undefined : QUIT_PATIENCE_MS, 'QUIT');
      if (!exchange.ok && marked) throw rejected(exchange);
      return exchange;
    } catch (error) {
      if (error instanceof UsageError || !(error instanceof MailError)) throw error;
      if (marked) throw inDoubt(error, this.#connection);
      return error;
    } finally {
      this.close();
    }
  }

  async #greet(): Promise<void> {
    const greeting = await this.#dialogue.receive();
    if (!greeting.ok) throw rejected(greeting);
    this.#greeting = greeting.status.text;
  }

  /** What a server that does not know CAPA refuses is nothing to worry about (RFC 2449 5). */
  async #capa(): Promise<void> {
    const exchange = await this.#dialogue.exchange('CAPA');
    if (!exchange.ok) return;
    const capabilities = await readCapabilities(this.#dialogue.block('CAPA'));
    this.#session.learn(capabilities);
    this.#connection.note(`capabilities: ${capabilityLine(capabilities)}`);
  }

  async #stls(): Promise<void> {
    const { capabilities } = this.#session;
    // A server that lists nothing at all may have it all the same.
    if (capabilities.size > 0 && !capabilities.has('STLS')) throw this.#noTls('does not offer STLS');
    const started = performance.now();
    const answer = await this.#dialogue.exchange('STLS');
    if (!answer.ok) throw this.#noTls('refused STLS', rejected(answer));
    await this.#connection.secure(this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
    this.#session.secured();
    this.#timings.tls = performance.now() - started;
    this.#plainCapabilities = capabilities;
    await this.#capa();
  }

  #noTls(what: string, cause?: RejectedError): TlsError {
    return new TlsError(`${this.#connection.host} ${what}, and TLS is required`, {
      cause,
      reply: cause?.reply,
      retryable: cause?.retryable ?? false,
      hint: 'use the port for implicit TLS (995); or, where nobody can listen in, --pop3-tls none',
    });
  }

  async #logIn(credentials: Credentials): Promise<void> {
    const started = performance.now();
    const { logIn } = await import('./authentication.ts');
    this.#mechanism = await logIn(
      (verb, ...words) => this.#dialogue.exchange(verb, ...words),
      { greeting: this.#greeting, capabilities: this.#session.capabilities },
      credentials,
      this.#options.mechanism,
      { tls: this.tls !== undefined, allowCleartext: this.#options.allowCleartextAuth === true },
      this.#connection,
    );
    this.#timings.auth = performance.now() - started;
    this.#openCapabilities = this.#session.capabilities;
    await this.#capa(); // some are announced to those who have logged in only
  }

  async *#several(
    verb: 'RETR' | 'TOP',
    numbers: Iterable<number>,
    ...words: readonly number[]
  ): AsyncGenerator<Retrieved, void, void> {
    for await (const { number, exchange } of this.#dialogue.window(verb, numbers, ...words)) {
      if (!exchange.ok) {
        yield { number, error: rejected(exchange) };
        continue;
      }
      const bytes = this.#dialogue.block(verb);
      yield { number, bytes };
      for await (const _ of bytes) {
      } // what was not wanted has to be passed over
    }
  }

  /** An answer that cannot be read leaves the connection closed. */
  async #closing<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A command whose refusal is an error. */
  async #ask(verb: Verb, ...words: readonly number[]): Promise<Exchange> {
    const exchange = await this.#dialogue.exchange(verb, ...words);
    if (exchange.ok) return exchange;
    const optional = verb === 'UIDL' || verb === 'TOP';
    throw optional && !this.capabilities.has(verb) ? unsupported(exchange) : rejected(exchange);
  }
}
