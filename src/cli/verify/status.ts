import type { SmtpReply } from '../../smtp/index.ts';

/** What a server says of an address: it is there, it is not, it does not tell, or nothing that answers the question. */
export type Status = 'ok' | 'no' | 'undisclosed' | 'unknown';

/** No such mailbox, not here, not allowed, a name that stands for several, no mail at all (RFC 5321 4.2.3, RFC 7504). */
const NO: ReadonlySet<number> = new Set([521, 550, 551, 553, 554, 556]);

/** Reads a reply to VRFY, EXPN or RCPT. */
export function statusOf({ code, enhanced }: SmtpReply): Status {
  if (code === 252) return 'undisclosed';
  if (code < 300) return 'ok';
  // 5.1.z is about the address itself, whatever the code (RFC 3463 3.2).
  return NO.has(code) || enhanced?.startsWith('5.1.') === true ? 'no' : 'unknown';
}
