/** A moment on the monotonic clock: a wall clock that jumps neither shortens nor lengthens a wait. */
export class Deadline {
  readonly #at: number;
  /** How long it was from the start: for the error text. */
  readonly spanMs: number;

  private constructor(at: number, spanMs: number) {
    this.#at = at;
    this.spanMs = spanMs;
  }

  static after(ms: number): Deadline {
    return new Deadline(performance.now() + ms, ms);
  }

  /** Milliseconds left, never below 0. */
  get remainingMs(): number {
    return Math.max(0, this.#at - performance.now());
  }

  /** The nearer of this and the whole run's deadline. */
  orEarlier(other: Deadline | undefined): Deadline {
    return other !== undefined && other.#at < this.#at ? other : this;
  }
}

/**
 * Settles as `work` does, unless `deadline` passes first (then `late()` is the error) or `signal` aborts (then
 * `interrupted()` is). The caller ends the work itself; its later failure goes unheard.
 */
export async function within<T>(
  work: Promise<T>,
  limits: { readonly deadline: Deadline; readonly signal: AbortSignal | undefined },
  late: () => Error,
  interrupted: () => Error,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort: (() => void) | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), limits.deadline.remainingMs);
    abort = () => reject(interrupted());
    if (limits.signal?.aborted === true) abort();
    limits.signal?.addEventListener('abort', abort, { once: true });
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    if (abort !== undefined) limits.signal?.removeEventListener('abort', abort);
  }
}
