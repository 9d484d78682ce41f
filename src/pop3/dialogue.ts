import { UsageError } from '../errors.ts';
import type { Connection } from '../net/connection.ts';
import { IDLE_TIMEOUT_MS } from '../net/options.ts';
import { withoutChallenge } from '../net/redacted.ts';
import { outOfStep } from './failures.ts';
import type { Exchange, Pop3Session } from './session.ts';
import { type Rule, VERBS, type Verb } from './verbs.ts';

/**
 * So many octets of commands may be under way: what the kernels on both sides hold for a server that does not read because
 * it writes, so that neither waits for the other (RFC 2449 6.6).
 */
const OCTETS_UNDER_WAY = 16_384;

/** A session over its connection: writes what the session makes, and has it judge what comes. */
export class Dialogue {
  readonly #connection: Connection;
  readonly #session: Pop3Session;
  readonly #idleTimeoutMs: number | undefined;

  constructor(connection: Connection, session: Pop3Session, idleTimeoutMs: number | undefined) {
    this.#connection = connection;
    this.#session = session;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** One command and its status. Where `+OK` is followed by lines, `block` is to be read next. */
  async exchange(verb: Verb, ...words: readonly (string | number)[]): Promise<Exchange> {
    return this.exchangeWithin(undefined, verb, ...words);
  }

  async exchangeWithin(
    patienceMs: number | undefined,
    verb: Verb,
    ...words: readonly (string | number)[]
  ): Promise<Exchange> {
    await this.#quiet(verb);
    this.#connection.writeLines([this.#session.send(verb, ...words)]);
    return await this.receive(patienceMs);
  }

  /** The status that is due next. Without one the connection is closed. */
  async receive(patienceMs?: number): Promise<Exchange> {
    const { seconds, stage } = VERBS[this.#session.next ?? 'NOOP'];
    const patience = patienceMs ?? this.#idleTimeoutMs ?? seconds * 1000;
    try {
      const { bytes } = await this.#connection.readLine(
        patience,
        stage,
        stage === 'auth' ? withoutChallenge : undefined,
      );
      return this.#session.receive(bytes);
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  /** The lines that follow a `+OK`, up to their dot, unstuffed. Leaving early closes the connection. */
  async *block(verb: Verb): AsyncGenerator<Buffer, void, void> {
    try {
      yield* this.#connection.readBlock(this.#idleTimeoutMs ?? IDLE_TIMEOUT_MS, VERBS[verb].stage);
    } finally {
      this.#session.blockEnded();
    }
  }

  /**
   * The same command for each of `numbers`, a window of them ahead of their statuses where the server pipelines; a refusal
   * belongs to its own number. Leaving before every answer has been read closes the connection.
   */
  async *window(
    verb: Verb,
    numbers: Iterable<number>,
    ...words: readonly number[]
  ): AsyncGenerator<{ readonly number: number; readonly exchange: Exchange }, void, void> {
    await this.#quiet(verb);
    const waiting = numbers[Symbol.iterator]();
    const asked: { readonly number: number; readonly octets: number }[] = [];
    const rule: Rule = VERBS[verb];
    const high = this.#session.pipelining ? (rule.window ?? 1) : 1;
    let octets = 0;
    const refill = () => {
      const group = [];
      while (asked.length < high && octets < OCTETS_UNDER_WAY) {
        const next = waiting.next();
        if (next.done === true) break;
        const line = this.#session.send(verb, next.value, ...words);
        group.push(line);
        asked.push({ number: next.value, octets: line.line.length });
        octets += line.line.length;
      }
      if (group.length > 0) this.#connection.writeLines(group);
    };
    try {
      for (;;) {
        // In groups, which a small one after each answer would not be.
        if (asked.length <= high / 2 && octets <= OCTETS_UNDER_WAY / 2) refill();
        const oldest = asked.shift();
        if (oldest === undefined) return;
        const exchange = await this.#pipelined(asked.length, this.receive());
        octets -= oldest.octets;
        yield { number: oldest.number, exchange };
      }
    } finally {
      if (this.#session.due > 0 || this.#session.reading) this.#connection.close();
    }
  }

  /** A server that is out of step with `more` commands under way may be one that cannot take several. */
  async #pipelined(more: number, answer: Promise<Exchange>): Promise<Exchange> {
    try {
      return await answer;
    } catch (error) {
      throw more > 0 ? outOfStep(error) : error;
    }
  }

  /** Nothing may be under way, and the server must not have spoken out of turn: that is no answer to what comes now. */
  async #quiet(verb: Verb): Promise<void> {
    if (this.#session.due > 0 || this.#session.reading) {
      throw new UsageError(`${verb} while answers to earlier commands are still to be read`);
    }
    if (this.#connection.hasLine()) await this.receive();
  }
}
