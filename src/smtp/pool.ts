import { MailError, UsageError } from '../errors.ts';
import { SmtpClient } from './client.ts';
import { canBeReadAgain, type Receipt } from './deliver.ts';
import type { Envelope, Message } from './envelope.ts';
import type { SendOptions, SmtpOptions } from './options.ts';
import type { Letter } from './row.ts';

export interface PoolOptions extends SmtpOptions {
  /** How many connections may be open at once. One when absent: the messages then arrive in the order of `send`. */
  readonly connections?: number | undefined;
  /** After so many messages a connection is closed, and the next opened. As many as the server takes when absent. */
  readonly messagesPerConnection?: number | undefined;
  /** How long a connection without work stays open. 10 s when absent. */
  readonly idleMs?: number | undefined;
}

const IDLE_MS = 10_000;
/** A message that found its connection gone is tried once more, on another. */
const ATTEMPTS = 2;
/** The queue is cut when so many at its front have gone. */
const CUT = 1_000;

interface Entry extends Letter {
  /** Its place among all. */
  readonly order: number;
  attempts: number;
}

/**
 * Sends many messages over few connections, which it opens when there is work and logs in once each. With PIPELINING a
 * message costs one round trip: its end, and the opening of the next, leave together. With `requireAll` in a message's
 * options it costs two more.
 */
export class SmtpPool implements AsyncDisposable {
  readonly #options: PoolOptions;
  /** Those that wait, from `#first` on: the array is cut now and then, not for each. */
  #waiting: Entry[] = [];
  #first = 0;
  #count = 0;
  readonly #workers = new Set<Promise<void>>();
  readonly #idle = new Set<() => void>();
  #connected = 0;
  #closing = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** How many messages wait for a connection. Nothing bounds them but the caller, who can wait for what `send` gives. */
  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  /**
   * Sends a message when its turn comes: resolves and fails as `SmtpClient.send` does. What certainly went nowhere because
   * a connection was closed between two messages is tried once more on a new one; nothing else is repeated.
   */
  send(envelope: Envelope, message: Message, options: SendOptions = {}): Promise<Receipt> {
    if (this.#closing) return Promise.reject(new UsageError('the pool is closed'));
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        envelope,
        message,
        options,
        order: this.#count++,
        attempts: 0,
        sent: resolve,
        failed: (error) => {
          if (this.#mayTryAgain(entry, error)) this.#putBack(entry);
          else reject(error);
        },
      };
      this.#waiting.push(entry);
      const [wake] = this.#idle;
      if (wake !== undefined) wake();
      else if (this.#workers.size < (this.#options.connections ?? 1)) this.#start();
    });
  }

  /** Takes nothing more, sends what waits, says goodbye on every connection. Never fails. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const wake of this.#idle) wake();
    while (this.#workers.size > 0) await Promise.all(this.#workers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #mayTryAgain({ attempts, message }: Entry, error: unknown): boolean {
    return (
      error instanceof MailError &&
      error.delivery === 'not-sent' &&
      error.retryable &&
      !error.connectionUsable &&
      attempts < ATTEMPTS &&
      canBeReadAgain(message)
    );
  }

  #start(): void {
    const worker = this.#work().finally(() => {
      this.#workers.delete(worker);
      // What came, or came back, while this one was leaving.
      if (this.waiting > 0 && this.#workers.size === 0) this.#start();
    });
    this.#workers.add(worker);
  }

  /** One connection after another, until there is no work. */
  async #work(): Promise<void> {
    while (this.waiting > 0) {
      let client: SmtpClient;
      try {
        client = await SmtpClient.connect(this.#options);
      } catch (error) {
        // With others at work there is less to do for each connection, and nothing lost.
        if (this.#connected === 0) this.#fail(error);
        return;
      }
      this.#connected += 1;
      try {
        await this.#serve(client);
        await client.quit();
      } finally {
        this.#connected -= 1;
      }
    }
  }

  #take(): Entry | undefined {
    const entry = this.#waiting[this.#first];
    if (entry === undefined) return undefined;
    this.#first += 1;
    if (this.#first > CUT && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return entry;
  }

  /** Before those that came after it. */
  #putBack(entry: Entry): void {
    let at = this.#first;
    while ((this.#waiting[at]?.order ?? Number.POSITIVE_INFINITY) < entry.order) at += 1;
    this.#waiting.splice(at, 0, entry);
  }

  #fail(error: unknown): void {
    for (let entry = this.#take(); entry !== undefined; entry = this.#take()) {
      entry.attempts = ATTEMPTS;
      entry.failed(error);
    }
  }

  /** What waits, and what comes to wait, over one connection. */
  async #serve(client: SmtpClient): Promise<void> {
    let left = this.#options.messagesPerConnection ?? Number.POSITIVE_INFINITY;
    const next = () => {
      if (left <= 0) return undefined;
      const entry = this.#take();
      if (entry === undefined) return undefined;
      left -= 1;
      entry.attempts += 1;
      return entry;
    };
    do {
      const unsent = await client.sendRow(next);
      for (const entry of unsent) {
        entry.attempts -= 1;
        this.#putBack(entry);
      }
    } while (left > 0 && client.transactionsLeft > 0 && !client.isClosed && (await this.#comes()));
  }

  /** Whether there is work, now or within the time that an idle connection is kept. */
  async #comes(): Promise<boolean> {
    if (this.waiting > 0) return true;
    if (this.#closing) return false;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#idle.delete(done);
        resolve();
      };
      const timer = setTimeout(done, this.#options.idleMs ?? IDLE_MS);
      this.#idle.add(done);
    });
    return this.waiting > 0;
  }
}
