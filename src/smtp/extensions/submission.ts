import { DataError } from '../../errors.ts';
import { missing } from './asked.ts';
import type { Extension } from './extension.ts';
import { xtext } from './xtext.ts';

/** RFC 8689: refuse rather than hand on without TLS. */
export const requireTls: Extension = {
  keyword: 'REQUIRETLS',
  mail: ({ requireTls }) => (requireTls === true ? ['REQUIRETLS'] : []),
  problem: ({ requireTls }, offered) =>
    missing(requireTls === true, offered, 'REQUIRETLS', 'TLS all the way was asked for'),
};

/** RFC 2852. The parameter of the keyword is the shortest time the server can promise to `return` within. */
export const deliverBy: Extension = {
  keyword: 'DELIVERBY',
  mail({ deliverBy }) {
    if (deliverBy === undefined) return [];
    const { seconds, otherwise } = deliverBy;
    if (
      !Number.isInteger(seconds) ||
      Math.abs(seconds) > 999_999_999 ||
      (otherwise === 'return' && seconds <= 0)
    ) {
      throw new DataError(`deliver-by wants whole seconds, positive for a return: not ${seconds}`, {
        stage: 'mail',
      });
    }
    return [`BY=${seconds};${otherwise === 'return' ? 'R' : 'N'}`];
  },
  problem({ deliverBy }, offered) {
    const least = Number(offered);
    if (
      deliverBy?.otherwise === 'return' &&
      offered !== undefined &&
      least > 0 &&
      deliverBy.seconds < least
    ) {
      return missing(
        true,
        undefined,
        'DELIVERBY',
        `delivery within ${deliverBy.seconds} s was asked for, less than ${least} s`,
      );
    }
    return missing(deliverBy !== undefined, offered, 'DELIVERBY', 'delivery within a time was asked for');
  },
};

/** RFC 6710. */
export const mtPriority: Extension = {
  keyword: 'MT-PRIORITY',
  mail({ mtPriority }) {
    if (mtPriority === undefined) return [];
    if (!Number.isInteger(mtPriority) || Math.abs(mtPriority) > 9) {
      throw new DataError(`a transfer priority is a whole number from -9 to 9: not ${mtPriority}`, {
        stage: 'mail',
      });
    }
    return [`MT-PRIORITY=${mtPriority}`];
  },
  problem: ({ mtPriority }, offered) =>
    missing(mtPriority !== undefined, offered, 'MT-PRIORITY', 'a transfer priority was asked for'),
};

/** RFC 4865. The keyword's parameters are the longest time, in seconds and as a moment. */
export const futureRelease: Extension = {
  keyword: 'FUTURERELEASE',
  mail({ hold }) {
    if (hold === undefined) return [];
    if ('until' in hold) return [`HOLDUNTIL=${hold.until.toISOString().replace(/\.\d+Z$/, 'Z')}`];
    if (!Number.isInteger(hold.seconds) || hold.seconds < 1 || hold.seconds > 999_999_999) {
      throw new DataError(`a message is held for whole seconds: not ${hold.seconds}`, { stage: 'mail' });
    }
    return [`HOLDFOR=${hold.seconds}`];
  },
  problem({ hold }, offered) {
    const [interval, latest = ''] = offered?.split(/\s+/) ?? [];
    const longest = Number(interval);
    if (hold !== undefined && 'seconds' in hold && longest > 0 && hold.seconds > longest) {
      return missing(
        true,
        undefined,
        'FUTURERELEASE',
        `holding for ${hold.seconds} s was asked for, more than ${longest} s`,
      );
    }
    if (hold !== undefined && 'until' in hold && hold.until.getTime() > Date.parse(latest)) {
      return missing(
        true,
        undefined,
        'FUTURERELEASE',
        `holding until ${hold.until.toISOString()} was asked for, later than ${latest}`,
      );
    }
    return missing(hold !== undefined, offered, 'FUTURERELEASE', 'holding the message back was asked for');
  },
};

/** RFC 4954 5: the identity that a trusted relay hands on. */
export const authSender: Extension = {
  keyword: 'AUTH',
  mail: ({ authSender }) =>
    authSender === undefined ? [] : [`AUTH=${authSender === '' ? '<>' : xtext(authSender)}`],
  problem: ({ authSender }, offered) =>
    missing(authSender !== undefined, offered, 'AUTH', 'AUTH= on MAIL was asked for'),
};
