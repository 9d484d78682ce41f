import {
  MailError,
  type PeerCertificate,
  ProtocolError,
  type RejectedError,
  type UnsupportedError,
  UsageError,
} from '../errors.ts';
import type { TlsInfo } from '../net/tls.ts';
import type { Capabilities } from './capabilities.ts';
import { inDoubt, rejected, unsupported } from './failures.ts';
import { type Language, readLanguages } from './language.ts';
import {
  type DropListing,
  parseDropListing,
  readScanListing,
  readUniqueIdListing,
  type ScanListing,
  type UniqueIdListing,
} from './listing.ts';
import { type Link, open, type Pop3Options, type Pop3Timings } from './opening.ts';
import { answerOf, type RawAnswer, rawCommand, rowOf } from './raw.ts';
import { linkAgain } from './recovery.ts';
import type { Exchange } from './session.ts';
import type { Verb } from './verbs.ts';

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
  #link: Link;
  /** What UIDL said last: what this session and another have in common. */
  #uniqueIds: readonly UniqueIdListing[] | undefined;
  #fallback: ProtocolError | undefined;

  private constructor(link: Link, options: Pop3Options) {
    this.#link = link;
    this.#options = options;
  }

  /** Dials, reads the greeting, puts TLS on and logs in, as `options` say. */
  static async connect(options: Pop3Options): Promise<Pop3Client> {
    return new Pop3Client(await open(options), options);
  }

  /** What CAPA lists now; empty where the server does not know CAPA. */
  get capabilities(): Capabilities {
    return this.#link.session.capabilities;
  }

  /** What CAPA listed before STLS, where that took place. */
  get plainCapabilities(): Capabilities | undefined {
    return this.#link.plainCapabilities;
  }

  /** What CAPA listed before the log-in, where that took place. */
  get openCapabilities(): Capabilities | undefined {
    return this.#link.openCapabilities;
  }

  get greeting(): string {
    return this.#link.greeting;
  }

  get tls(): TlsInfo | undefined {
    return this.#link.connection.tls;
  }

  /** The server's certificate and its issuers, as far as they are known; empty without TLS, and once it is closed. */
  get certificateChain(): readonly PeerCertificate[] {
    return this.#link.connection.certificateChain;
  }

  /** How the log-in was made: a SASL mechanism, `USER` or `APOP`; absent: there was none. */
  get mechanism(): string | undefined {
    return this.#link.mechanism;
  }

  get timingsMs(): Pop3Timings {
    return this.#link.timingsMs;
  }

  /** Why commands go out one at a time although the server announces PIPELINING: it got out of step, and was left for a new connection. */
  get fallback(): ProtocolError | undefined {
    return this.#fallback;
  }

  /** Why the server does not speak the language that was asked for; absent: it does, or none was. */
  get languageProblem(): RejectedError | UnsupportedError | undefined {
    return this.#link.languageProblem;
  }

  /** Whether messages are marked as deleted, which `quit` would remove. */
  get marked(): boolean {
    return this.#link.session.state === 'marked';
  }

  /** The languages it can answer in (RFC 6856 3). */
  async languages(): Promise<Language[]> {
    const exchange = await this.#link.dialogue.exchange('LANGUAGES', 'LANG');
    if (!exchange.ok) throw rejected(exchange);
    return await this.#closing(() => readLanguages(this.#link.dialogue.block('LANGUAGES')));
  }

  async stat(): Promise<DropListing> {
    const { status } = await this.#ask('STAT');
    return await this.#closing(async () => parseDropListing(status.text));
  }

  /** The scan listing, in the server's order: numbers may have gaps, sizes are its word only. */
  async list(): Promise<ScanListing[]> {
    await this.#ask('LIST');
    return await this.#closing(() => readScanListing(this.#link.dialogue.block('LIST')));
  }

  /**
   * The unique-ids, with `only` those of these messages; messages without a usable one are left out. `UnsupportedError`
   * where the server has none at all.
   */
  async uidl(only?: Iterable<number>): Promise<UniqueIdListing[]> {
    await this.#ask('UIDL');
    const wanted = only === undefined ? undefined : new Set(only);
    const rows = await this.#closing(() => readUniqueIdListing(this.#link.dialogue.block('UIDL'), wanted));
    this.#uniqueIds = rows;
    return rows;
  }

  /**
   * The octets of a message, unstuffed. A chunk is only good until the next is asked for. Leaving early closes the
   * connection; the connection's end before the final dot is an error, whatever came before it.
   */
  async *retr(number: number): AsyncGenerator<Uint8Array, void, void> {
    await this.#ask('RETR', number);
    yield* this.#link.dialogue.block('RETR');
  }

  /** The header and the first `lines` lines of the body, like `retr`. */
  async *top(number: number, lines: number): AsyncGenerator<Uint8Array, void, void> {
    await this.#ask('TOP', number, lines);
    yield* this.#link.dialogue.block('TOP');
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
    const all = [...numbers];
    const { marked } = this;
    try {
      return await this.#mark(all);
    } catch (error) {
      await this.#oneAtATime(error, all, marked); // without QUIT no mark has become true
      return await this.#mark(all);
    }
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
    const { verb, words } = rowOf(command, this.#link.session.state);
    const exchange = await this.#link.dialogue.exchange(verb, ...words);
    return { ...answerOf(exchange), block: exchange.block ? this.#link.dialogue.block(verb) : undefined };
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
    this.#link.connection.close();
  }

  /** Leaves politely and deletes nothing: marks that `quit` has not made true are taken back. Never fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.marked) await this.#link.dialogue.exchangeWithin(QUIT_PATIENCE_MS, 'RSET');
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
      const exchange = await this.#link.dialogue.exchangeWithin(
        marked ? undefined : QUIT_PATIENCE_MS,
        'QUIT',
      );
      if (!exchange.ok && marked) throw rejected(exchange);
      return exchange;
    } catch (error) {
      if (error instanceof UsageError || !(error instanceof MailError)) throw error;
      if (marked) throw inDoubt(error, this.#link.connection);
      return error;
    } finally {
      this.close();
    }
  }

  async #mark(numbers: readonly number[]): Promise<ReadonlyMap<number, RejectedError>> {
    const refused = new Map<number, RejectedError>();
    for await (const { number, exchange } of this.#link.dialogue.window('DELE', numbers)) {
      if (!exchange.ok) refused.set(number, rejected(exchange));
    }
    return refused;
  }

  async *#several(
    verb: 'RETR' | 'TOP',
    numbers: Iterable<number>,
    ...words: readonly number[]
  ): AsyncGenerator<Retrieved, void, void> {
    let waiting = [...numbers];
    for (;;) {
      let answered = 0;
      let reading = false;
      try {
        for await (const { number, exchange } of this.#link.dialogue.window(verb, waiting, ...words)) {
          answered++;
          if (!exchange.ok) {
            yield { number, error: rejected(exchange) };
            continue;
          }
          const bytes = this.#link.dialogue.block(verb);
          reading = true;
          yield { number, bytes };
          for await (const _ of bytes) {
          } // what was not wanted has to be passed over
          reading = false;
        }
        return;
      } catch (error) {
        if (reading) throw error; // half of that message has been given away
        waiting = waiting.slice(answered);
        await this.#oneAtATime(error, waiting, this.marked);
      }
    }
  }

  /**
   * After a protocol error among pipelined commands: another connection, on which they go out one at a time. Only where
   * that is as good as the first one, otherwise it throws `error` again.
   */
  async #oneAtATime(error: unknown, numbers: readonly number[], marked: boolean): Promise<void> {
    const may = (this.#options.pipelining ?? 'auto') === 'auto' && this.#link.session.pipelining && !marked;
    if (!may || !(error instanceof ProtocolError)) throw error;
    const again = await linkAgain({ ...this.#options, pipelining: 'off' }, this.#uniqueIds, numbers);
    if (again === undefined) throw error;
    this.#link = again;
    this.#fallback = error;
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
    const exchange = await this.#link.dialogue.exchange(verb, ...words);
    if (exchange.ok) return exchange;
    const optional = verb === 'UIDL' || verb === 'TOP';
    throw optional && !this.capabilities.has(verb) ? unsupported(exchange) : rejected(exchange);
  }
}
