import { setTimeout as wait } from 'node:timers/promises';
import { InterruptedError, MailError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';

/** The waits between attempts, in seconds; the last is repeated. Greylisting wants minutes, a restart seconds. */
const WAITS = [1, 2, 5, 10, 30, 60];

/**
 * Attempts until one succeeds, fails for good, or `--retry-for` is over. Repeated is only what certainly did not reach
 * anybody: an error that is not `retryable`, an unknown outcome among them, ends it at once.
 */
export async function withRetry<T>(
  ctx: Context,
  text: string | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  if (text === undefined) return attempt();
  if (ctx.settings.is('smtp.password-stdin')) {
    throw new UsageError('--retry-for cannot read the password from standard input a second time', {
      hint: 'give it with --smtp-password-file or --smtp-password-cmd',
    });
  }
  const { durationOption } = await import('../context.ts');
  const { Deadline } = await import('../../net/deadline.ts');
  const until = Deadline.after(await durationOption('--retry-for', text)).orEarlier(ctx.deadline);
  for (let count = 0; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      const waitMs = (WAITS[Math.min(count, WAITS.length - 1)] ?? 60) * 1000;
      const again = error instanceof MailError && error.retryable && error.delivery === 'not-sent';
      if (!again || ctx.signal.aborted || waitMs > until.remainingMs) throw error;
      ctx.output.verbose(`${error.message}; trying again in ${waitMs / 1000} s`);
      await wait(waitMs, undefined, { signal: ctx.signal }).catch(() => {
        throw new InterruptedError('interrupted between two attempts', { cause: error });
      });
    }
  }
}
