import { DataError } from '../errors.ts';

/** Who sends and who receives, as the transport sees it; the header may say otherwise (RFC 5321 2.3.1). */
export interface Envelope {
  /** Where failure reports go; empty for the null reverse-path (RFC 5321 4.5.5). */
  readonly reversePath: string;
  readonly recipients: readonly string[];
}

/** What is sent: bytes with line ends of any kind, and what is known of them beforehand. */
export interface Message extends AsyncIterable<Uint8Array> {
  /** Octets with CRLF line ends, before stuffing; exact, or absent. */
  readonly size?: number | undefined;
  /** Whether any octet is above 127. */
  readonly eightBit?: boolean | undefined;
  /** Whether it is more than lines: it goes out as it is, which needs BINARYMIME (RFC 3030 3). */
  readonly binary?: boolean | undefined;
  /** All its octets, where they are in memory anyway: then they need no iteration. */
  readonly whole?: Uint8Array | undefined;
  /** Whether a header field holds raw UTF-8 (RFC 6532). */
  readonly smtpUtf8?: boolean | undefined;
  /**
   * The message in the form that suits the server best, asked for after EHLO and before MAIL; what it promises (size, kind
   * of octets) is what is sent. Absent: it has one form. May throw what keeps it from being sent, such as an
   * `UnsupportedError`.
   */
  prepared?(server: ServerTakes): Message | Promise<Message>;
}

/** What a message may hold beyond 7-bit lines. */
export interface ServerTakes {
  /** 8BITMIME is offered (RFC 6152). */
  readonly eightBit: boolean;
  /** BINARYMIME is offered, and the message goes in chunks (RFC 3030). */
  readonly binary: boolean;
  /** SMTPUTF8 is offered (RFC 6531). */
  readonly utf8: boolean;
}

/** RFC 5321 4.5.3.1.3, without the angle brackets. */
export const PATH_LIMIT = 254;

/** Refuses what is no mailbox before a line is made of it: the session would refuse the worst of it too, but later. */
export function checkEnvelope({ reversePath, recipients }: Envelope): void {
  if (recipients.length === 0) throw new DataError('the message has no recipients', { stage: 'compose' });
  if (reversePath !== '') checkPath(reversePath);
  for (const recipient of recipients) checkPath(recipient);
}

function checkPath(path: string): void {
  if (/^[\w.+-]{1,64}@[\w.-]{1,180}$/.test(path)) return;
  const shown = JSON.stringify(path);
  if (/[\0-\x1f\x7f]/.test(path))
    throw new DataError(`a control character in the address ${shown}`, { stage: 'compose' });
  if (Buffer.byteLength(path) > PATH_LIMIT) {
    throw new DataError(`an address of more than ${PATH_LIMIT} octets: ${shown.slice(0, 60)}`, {
      stage: 'compose',
    });
  }
  // A quoted local part may hold anything printable; outside of one, nothing may end the path or begin a parameter.
  if (!/^(?:"(?:[^"\\]|\\.)*"|[^\s"<>]+)$/su.test(path.slice(0, path.lastIndexOf('@')) || path)) {
    throw new DataError(`not an address: ${shown}`, { stage: 'compose' });
  }
  if (/[\s<>]/.test(path.slice(path.lastIndexOf('@') + 1)))
    throw new DataError(`not an address: ${shown}`, { stage: 'compose' });
}
