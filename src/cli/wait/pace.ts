/** How often a maildrop is looked at. */
export interface PaceOptions {
  /** The server is on this machine: nobody minds a log-in every half second. */
  readonly here: boolean;
  /** What was asked for; absent: it begins quick and becomes slower. */
  readonly intervalMs?: number | undefined;
  /** The last look has to be at the very end, because what is asked is whether nothing comes until then. */
  readonly untilTheEnd?: boolean;
}

const HERE_MS = 500;
/** The first looks at another machine, and those after them: few servers mind a log-in every five seconds. */
const SOON_MS = 1_000;
const USUAL_MS = 5_000;
const GROWTH = 1.5;
/** A server in trouble is left alone for longer and longer, up to this. */
const LONGEST_BACK_OFF_MS = 10_000;
/** For a server that wants a delay and does not say which. */
const FIRST_LOGIN_DELAY_MS = 2_000;
const LONGEST_LOGIN_DELAY_MS = 300_000;
/** The last look begins so long before the end that it can be over by then. */
const SHORTEST_LOOK_MS = 200;
export const LONGEST_LOOK_MS = 2_000;

/**
 * The time between two looks at a maildrop. It knows no clock: it is told what happened, and says how long to wait. No
 * chance is in it, so that a run can be foretold.
 */
export class Pace {
  readonly #usualMs: number;
  readonly #untilTheEnd: boolean;
  #intervalMs: number;
  #failures = 0;
  #loginDelayMs = 0;
  #lookMs = SHORTEST_LOOK_MS;

  constructor({ here, intervalMs, untilTheEnd = false }: PaceOptions) {
    this.#usualMs = intervalMs ?? (here ? HERE_MS : USUAL_MS);
    this.#intervalMs = intervalMs ?? (here ? HERE_MS : SOON_MS);
    this.#untilTheEnd = untilTheEnd;
  }

  /** The least time between two log-ins (RFC 2449 6.5), as far as it is known. */
  get loginDelayMs(): number {
    return this.#loginDelayMs;
  }

  /** A session went well, and took so long; the server announced this delay between log-ins, or none. */
  looked(tookMs: number, loginDelaySeconds: number | undefined): void {
    this.#failures = 0;
    this.#lookMs = Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, 2 * tookMs));
    if (loginDelaySeconds !== undefined) {
      this.#loginDelayMs = Math.max(this.#loginDelayMs, loginDelaySeconds * 1_000);
    }
  }

  /** A session failed in a way that may pass; the server's response code (RFC 2449 8), where it gave one. */
  failed(code: string | undefined): void {
    this.#failures++;
    if (code !== 'LOGIN-DELAY') return;
    this.#loginDelayMs =
      this.#loginDelayMs === 0
        ? FIRST_LOGIN_DELAY_MS
        : Math.max(this.#loginDelayMs, Math.min(2 * this.#loginDelayMs, LONGEST_LOGIN_DELAY_MS));
  }

  /**
   * How long to wait, when the last session began `sinceMs` ago and `remainingMs` are left; undefined: there is no room for
   * another.
   */
  pauseMs(sinceMs: number, remainingMs: number): number | undefined {
    const last = remainingMs - this.#lookMs;
    const allowed = this.#loginDelayMs - sinceMs;
    const due = Math.max(this.#failures > 0 ? this.#backOffMs() : this.#intervalMs, allowed);
    this.#intervalMs = Math.min(this.#usualMs, this.#intervalMs * GROWTH);
    if (due <= last) {
      const leavesAnother = due + this.#loginDelayMs <= last;
      return this.#untilTheEnd && !leavesAnother ? last : due;
    }
    return last > 0 && allowed <= last ? last : undefined;
  }

  #backOffMs(): number {
    const longest = Math.max(LONGEST_BACK_OFF_MS, this.#usualMs);
    return Math.min(longest, this.#intervalMs * 2 ** Math.min(this.#failures, 20));
  }
}
