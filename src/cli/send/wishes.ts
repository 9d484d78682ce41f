/** What is asked of the servers beyond delivery, from flags: every value is checked here, before a socket opens. */
import type { Account } from '../../config/index.ts';
import { DataError, UsageError } from '../../errors.ts';
import { wireAddress } from '../../mime/index.ts';
import { xtext } from '../../smtp/extensions/xtext.ts';
import type { DsnCondition, Wishes } from '../../smtp/index.ts';
import { durationOption } from '../context.ts';
import { dateOf } from './date.ts';
import { address } from './draft.ts';
import type { SendOptionValues } from './options.ts';

const CONDITIONS: readonly DsnCondition[] = ['success', 'failure', 'delay', 'never'];

/** RFC 3461 4.4, as it is on the wire. */
const ENVELOPE_ID_LIMIT = 100;

/** What nine digits of seconds can say, in whole days (RFC 2852 4, RFC 4865 3). */
const LONGEST_MS = 11_574 * 86_400_000;

/**
 * The wishes of the flags. UsageError or DataError names the flag. `account` is where the message goes; absent when it goes
 * nowhere.
 */
export async function wishesOf(options: SendOptionValues, account: Account | undefined): Promise<Wishes> {
  const { dsnReturn, requireTls, mtPriority, authSender } = options;
  if (requireTls === true && account !== undefined) checkTls(account);
  const notify = options.dsn === undefined ? undefined : conditions(options.dsn);
  const envelopeId = options.envid === undefined ? undefined : envelopeIdOf(options.envid);
  const asksDsn = notify !== undefined || dsnReturn !== undefined || envelopeId !== undefined;
  const deliverBy = options.deliverBy === undefined ? undefined : await deliverByOf(options.deliverBy);
  const hold = await holdOf(options);
  return {
    ...(asksDsn
      ? {
          dsn: {
            ...(notify === undefined ? {} : { notify }),
            ...(dsnReturn === undefined ? {} : { return: dsnReturn }),
            ...(envelopeId === undefined ? {} : { envelopeId }),
          },
        }
      : {}),
    ...(requireTls === true ? { requireTls } : {}),
    ...(deliverBy === undefined ? {} : { deliverBy }),
    ...(mtPriority === undefined ? {} : { mtPriority: priorityOf(mtPriority) }),
    ...(hold === undefined ? {} : { hold }),
    ...(authSender === undefined ? {} : { authSender: authSenderOf(authSender) }),
  };
}

/** RFC 8689 4.1: the first step has to be TLS, too, and with a certificate that was verified. */
function checkTls({ security, tls }: Account): void {
  const broken =
    security === 'none' ? 'a connection without TLS' : tls.insecure ? '--tls-insecure' : undefined;
  if (broken === undefined) return;
  throw new UsageError(`--require-tls cannot go with ${broken}`, {
    hint: 'use --smtp-tls starttls or implicit, with a certificate that can be verified (--tls-ca, --tls-fingerprint)',
  });
}

function conditions(text: string): DsnCondition[] {
  const named = new Set(
    text.split(',').map((word) => {
      const found = CONDITIONS.find((condition) => condition === word.trim().toLowerCase());
      if (found !== undefined && !hasControl(word)) return found;
      throw new UsageError(`--dsn: ${JSON.stringify(word)} is not one of ${CONDITIONS.join(', ')}`, {
        hint: 'write --dsn success,failure,delay (one or more of them), or --dsn never',
      });
    }),
  );
  if (named.has('never') && named.size > 1) {
    throw new UsageError('--dsn: never goes alone', { hint: 'leave it out, or the others' });
  }
  return [...named];
}

/** RFC 3461 4.4: printable ASCII. */
function envelopeIdOf(text: string): string {
  if (/[^\x20-\x7e]/.test(text)) {
    throw new DataError('--envid: it has a character that is not printable ASCII', {
      stage: 'compose',
      hint: 'use letters, digits and punctuation of ASCII',
    });
  }
  if (text === '' || xtext(text).length > ENVELOPE_ID_LIMIT) {
    throw new UsageError(`--envid: 1 to ${ENVELOPE_ID_LIMIT} characters are wanted`, {
      hint: 'blanks, + and = count for three each',
    });
  }
  return text;
}

/** Notify is what is meant without a word: late mail is better than none. */
async function deliverByOf(text: string): Promise<Wishes['deliverBy']> {
  const [, duration = '', otherwise = 'notify'] = /^([^;]*)(?:;(notify|return))?$/.exec(text) ?? [];
  if (duration === '') {
    throw new UsageError(`--deliver-by: ${JSON.stringify(text)} is not understood`, {
      hint: 'write 2h, 2h;notify or 2h;return (in quotes, because of the semicolon)',
    });
  }
  return { seconds: await seconds('--deliver-by', duration), otherwise: otherwise as 'notify' | 'return' };
}

async function seconds(flag: string, text: string): Promise<number> {
  return (await durationOption(flag, text, LONGEST_MS)) / 1000;
}

/** RFC 6710 3. */
function priorityOf(text: string): number {
  if (!/^[+-]?\d$/.test(text)) {
    throw new UsageError(`--mt-priority: ${JSON.stringify(text)} is not a whole number from -9 to 9`, {
      hint: '0 is the usual priority, a greater one comes first',
    });
  }
  return Number(text) || 0; // -0 is 0
}

async function holdOf({ holdFor, holdUntil }: SendOptionValues): Promise<Wishes['hold']> {
  if (holdFor !== undefined && holdUntil !== undefined) {
    throw new UsageError('--hold-for and --hold-until say the same thing twice', {
      hint: 'leave one of them out',
    });
  }
  if (holdFor !== undefined) return { seconds: await seconds('--hold-for', holdFor) };
  if (holdUntil === undefined) return undefined;
  const until = dateOf('--hold-until', holdUntil);
  if (until.getTime() <= Date.now()) {
    throw new UsageError(`--hold-until: ${until.toISOString()} is in the past`, {
      hint: 'without a time zone, a time is taken as that of this machine',
    });
  }
  return { until };
}

/** RFC 4954 5. Only in ASCII: the form of other addresses here is not settled. */
function authSenderOf(text: string): string {
  if (text === '<>') return '';
  const path = wireAddress(address('--auth-sender', text).address);
  if (/^[\x21-\x7e]+$/.test(path)) return path;
  throw new DataError('--auth-sender: an address in ASCII is wanted', {
    stage: 'compose',
    hint: 'give an ASCII address, or <> for nobody',
  });
}

function hasControl(text: string): boolean {
  return /[\0-\x1f\x7f-\x9f]/.test(text);
}
