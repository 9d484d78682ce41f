import { UsageError } from '../errors.ts';
import type { Connection } from '../net/connection.ts';
import { IDLE_TIMEOUT_MS } from '../net/options.ts';
import { withoutChallenge } from '../net/redacted.ts';
import type { Exchange, Pop3Session } from './session.ts';
import { VERBS, type Verb } from './verbs.ts';

/** When so few commands wait for their answers, more are written ... */
const LOW_WATER = 20;
/** ... up to this many: some kilobytes, so that neither side's buffers can block the other (RFC 2449 6.6). */
const HIGH_WATER = 100;

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
    const asked: number[] = [];
    const [low, high] = this.#session.pipelining ? [LOW_WATER, HIGH_WATER] : [0, 1];
    const refill = () => {
      const group = [];
      while (asked.length < high) {
        const next = waiting.next();
        if (next.done === true) break;
        group.push(this.#session.send(verb, next.value, ...words));
        asked.push(next.value);
      }
      if (group.length > 0) this.#connection.writeLines(group);
    };
    try {
      for (;;) {
        if (asked.length <= low) refill();
        const number = asked.shift();
        if (number === undefined) return;
        yield { number, exchange: await this.receive() };
      }
    } finally {
      if (this.#session.due > 0 || this.#session.reading) this.#connection.close();
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
