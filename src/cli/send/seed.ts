import { createHash } from 'node:crypto';
import { UsageError } from '../../errors.ts';
import type { Uniqueness } from '../../mime/index.ts';
import { dateOf } from './date.ts';
import type { SendOptionValues } from './options.ts';

/**
 * The same identifiers and boundaries for the same seed. Only for looking at: whoever knew the boundaries of a message could
 * write parts into it, and of two messages with one Message-ID many a server keeps one.
 */
export function seeded({ seed = '', dryRun, date }: SendOptionValues): Uniqueness {
  if (dryRun !== true) {
    throw new UsageError('--seed goes with --dry-run only', {
      hint: 'a message that is sent needs boundaries and a Message-ID that nobody can foresee',
    });
  }
  let count = 0;
  return {
    now: date === undefined ? new Date() : dateOf('--date', date),
    random: () => createHash('sha256').update(`${++count} ${seed}`).digest('hex').slice(0, 22),
  };
}
