import type { MailError, Stage } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import type { Inbox } from './inbox.ts';

/** Why a connection is over, told in terms of the step that finds out. */
export type Failure = (stage: Stage | undefined) => MailError;

/** How long to wait and on whose behalf; `late` ends the connection. */
export interface Wait {
  readonly deadline: Deadline;
  readonly stage: Stage | undefined;
  late(): void;
}

/**
 * The two things that are waited for on a connection: something to read, and that something written has left. Once it is
 * over every wait fails, with the reason that came first.
 */
export class Waits {
  readonly #inbox: Inbox;
  #failure: Failure | undefined;
  #reader: (() => void) | undefined;
  #writer: (() => void) | undefined;

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
  }

  /** Absent as long as the connection lasts. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Whether the connection was not over yet: then it is now, because of `failure`. */
  end(failure: Failure): boolean {
    if (this.#failure !== undefined) return false;
    this.#failure = failure;
    this.arrived();
    this.left();
    return true;
  }

  /** There is more in the inbox. */
  arrived(): void {
    this.#reader?.();
  }

  /** Something written has left. */
  left(): void {
    this.#writer?.();
  }

  /** Resolves when there is something to read, also when it is the last. */
  arrival(wait: Wait): Promise<void> {
    return this.#wait(wait, (wake) => {
      this.#reader = wake;
      return !this.#inbox.isEmpty;
    });
  }

  /** Whether somebody waits for what is being written to leave. */
  get hasWriter(): boolean {
    return this.#writer !== undefined;
  }

  /**
   * Resolves when something written has left, with `heeding` also when there is something to read; fails when the connection
   * is over, whatever there is to read.
   */
  async departure(wait: Wait, heeding: boolean): Promise<void> {
    await this.#wait(wait, (wake) => {
      this.#writer = wake;
      if (heeding) this.#reader = wake;
      return false;
    });
    if (this.#failure !== undefined) throw this.#failure(wait.stage);
  }

  /** `subscribe` says where to be woken, and whether that has happened already. */
  #wait(
    { deadline, stage, late }: Wait,
    subscribe: (wake: (() => void) | undefined) => boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        subscribe(undefined);
        if (this.#failure !== undefined && this.#inbox.isEmpty) reject(this.#failure(stage));
        else resolve();
      };
      const timer = setTimeout(late, deadline.remainingMs);
      if (subscribe(settle) || this.#failure !== undefined) settle();
    });
  }
}
