import type { DialOptions } from '../net/options.ts';
import type { Credentials } from '../sasl/index.ts';
import type { Wishes } from './extensions/index.ts';
import type { MailProtocol } from './session.ts';

export interface SmtpOptions extends DialOptions {
  /** `lmtp` (RFC 2033) delivers to each recipient by itself: one may be refused after the message has left. */
  readonly protocol?: MailProtocol | undefined;
  readonly credentials?: Credentials | undefined;
  /** A SASL mechanism by name; the strongest offered when absent; `none` to send without a log-in. */
  readonly mechanism?: string | undefined;
  /** Lets a password be written without TLS. */
  readonly allowCleartextAuth?: boolean | undefined;
  /** The name given with EHLO: a domain, or an address literal in brackets. This host's when absent. */
  readonly ehlo?: string | undefined;
}

export interface SendOptions {
  /**
   * Stop before DATA when any recipient is refused; otherwise the message goes to the others. Everybody is then in one
   * transaction, or it is an `UnsupportedError`.
   */
  readonly requireAll?: boolean | undefined;
  /** By BDAT in place of DATA (CHUNKING, RFC 3030). A binary message goes so unasked. */
  readonly chunking?: boolean | undefined;
  /** What is asked of the servers beyond delivery. */
  readonly wishes?: Wishes | undefined;
  /** Told the octets of the message written so far, from the beginning again for each transaction. */
  readonly onProgress?: ((octets: number) => void) | undefined;
}

/** How long each step took. Absent: it did not happen. */
export interface SmtpTimings {
  readonly connect?: number;
  readonly tls?: number;
  readonly auth?: number;
  readonly data?: number;
}
