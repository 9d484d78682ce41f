import { setTimeout as wait } from 'node:timers/promises';
import { ConnectionError, InterruptedError, RejectedError, TlsError } from '../../errors.ts';
import type { Deadline } from '../../net/deadline.ts';
import type { Pop3Client, Pop3Options } from '../../pop3/index.ts';
import type { Context } from '../context.ts';
import { pop3Client, tellFallback } from '../pop3-connection.ts';
import { type Known, knownOf } from './baseline.ts';
import { LONGEST_LOOK_MS, type Pace } from './pace.ts';

/** What to look for, and what then. */
export interface Watch<T> {
  readonly options: Pop3Options;
  readonly deadline: Deadline;
  readonly pace: Pace;
  /** Before the first session. */
  readonly delayMs?: number;
  /** The server has been looked at before with these settings: that it is out of reach is no mistake in them. */
  readonly proven?: boolean;
  /** Looks, in a session of its own, at what is there. Anything but undefined ends the watch. `polls` counts the sessions, failed ones too. */
  readonly look: (pop3: Pop3Client, there: readonly Known[], polls: number) => Promise<T | undefined>;
  /** Works on the result, in the session that it came from: here no failure leads to another try. It ends with QUIT. */
  readonly settle?: (pop3: Pop3Client, result: T) => Promise<void>;
}

/** A failure after which another session may go better. */
export type Trouble = ConnectionError | RejectedError | TlsError;

/** So long may a server that never answered be out of reach: it may be starting. After that it is more likely a wrong port. */
const FIRST_CONTACT_MS = 10_000;

export interface Watched<T> {
  /** Absent: the deadline has passed. */
  readonly result: T | undefined;
  /** Sessions that were tried. */
  readonly polls: number;
  /** Why the last session failed; absent: it did not. */
  readonly trouble: Trouble | undefined;
  /** Whether any look went well: without one there is no answer. */
  readonly looked: boolean;
  /** Whether the looks went on until the deadline; false: the server allows no log-in before it. */
  readonly toTheEnd: boolean;
}

/**
 * Looks at the maildrop, in one session after another since a session sees no mail that comes during it (RFC 1939 3), until
 * there is a result or the deadline. What may pass is waited out: a server that is busy, gone or silent, but for one that
 * was never reached. A refused log-in, a certificate that is not trusted, a broken protocol are thrown at once.
 */
export async function watch<T extends object>(ctx: Context, how: Watch<T>): Promise<Watched<T>> {
  const { deadline, pace, delayMs = 0, proven = false } = how;
  if (delayMs > 0) await pause(ctx, Math.min(delayMs, deadline.remainingMs));
  const { loginDelay } = await import('../../pop3/index.ts');
  const began = performance.now();
  let isReached = proven;
  let looked = false;
  const look: Watch<T>['look'] = async (...session) => {
    const result = await how.look(...session);
    looked = true;
    return result;
  };
  for (let polls = 1; ; polls++) {
    const started = performance.now();
    let trouble: Trouble | undefined;
    try {
      const session = await lookOnce({ ...how, look }, polls);
      isReached = true;
      pace.looked(performance.now() - started, loginDelay(session.pop3.capabilities)?.value);
      if (session.result !== undefined) {
        await settled(ctx, session.pop3, session.result, how.settle);
        return { result: session.result, polls, trouble, looked, toTheEnd: true };
      }
    } catch (error) {
      if (error instanceof Final) throw error.cause;
      if (!mayPass(error)) throw error;
      isReached ||= hasAnswered(error);
      if (!isReached && performance.now() - began >= FIRST_CONTACT_MS) throw error;
      trouble = error;
      pace.failed(error.reply?.enhanced ?? undefined);
      if (deadline.remainingMs > 0) ctx.output.verbose(`${error.message}; looking again`);
    }
    const pauseMs = pace.pauseMs(performance.now() - started, deadline.remainingMs);
    if (pauseMs === undefined) {
      // What is left is too short for a session; or the server allows none before the end, and then there is no use in it.
      const toTheEnd = deadline.remainingMs <= LONGEST_LOOK_MS;
      if (toTheEnd) await pause(ctx, deadline.remainingMs);
      return { result: undefined, polls, trouble, looked, toTheEnd };
    }
    await pause(ctx, pauseMs);
  }
}

/** One session, which is still open where it had a result. */
async function lookOnce<T>(
  { options, deadline, look }: Watch<T>,
  polls: number,
): Promise<{ readonly pop3: Pop3Client; readonly result: T | undefined }> {
  const pop3 = await pop3Client({ ...options, deadline });
  try {
    const result = await look(pop3, knownOf(await pop3.uidl()), polls);
    if (result === undefined) await pop3.quit();
    return { pop3, result };
  } catch (error) {
    pop3.close();
    throw error;
  }
}

/** What failed after there was a result. */
class Final extends Error {}

async function settled<T>(
  ctx: Context,
  pop3: Pop3Client,
  result: T,
  settle: Watch<T>['settle'],
): Promise<void> {
  try {
    tellFallback(ctx, pop3);
    await (settle?.(pop3, result) ?? pop3.quit());
  } catch (cause) {
    throw new Final('settling', { cause });
  } finally {
    pop3.close();
  }
}

/** Whether it is a failure of a session that had begun, and so of no wrong address. */
function hasAnswered(error: Trouble): boolean {
  return error.stage !== undefined && !['dns', 'connect', 'tls', 'greeting'].includes(error.stage);
}

function mayPass(error: unknown): error is Trouble {
  if (error instanceof ConnectionError) return error.delivery === 'not-sent' && error.retryable;
  // A refusal of STLS for now, a hang-up in the handshake; never a certificate.
  if (error instanceof TlsError) return error.retryable;
  return error instanceof RejectedError && !error.permanent && error.delivery === 'not-sent';
}

async function pause(ctx: Context, ms: number): Promise<void> {
  await wait(ms, undefined, { signal: ctx.signal }).catch((cause: unknown) => {
    throw new InterruptedError('interrupted between two looks at the maildrop', { cause });
  });
}
