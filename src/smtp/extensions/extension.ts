import type { UnsupportedError } from '../../errors.ts';

/** When a sender wants to hear what became of a message (RFC 3461 4.1); `never` excludes the others. */
export type DsnCondition = 'success' | 'failure' | 'delay' | 'never';

/** What a sender may ask of the servers beyond delivery. Each needs an extension, and fails before MAIL without it. */
export interface Wishes {
  /** Delivery status notifications (RFC 3461). */
  readonly dsn?:
    | {
        readonly notify?: readonly DsnCondition[];
        /** How much of the message comes back. */
        readonly return?: 'full' | 'headers';
        /** A name of the sender's own for this transaction, at most 100 characters. */
        readonly envelopeId?: string;
      }
    | undefined;
  /** Only over TLS, all the way (RFC 8689). */
  readonly requireTls?: boolean | undefined;
  /** Within so many seconds, or else: `return` the message, or `notify` and go on trying (RFC 2852). */
  readonly deliverBy?: { readonly seconds: number; readonly otherwise: 'return' | 'notify' } | undefined;
  /** From -9 to 9 (RFC 6710). */
  readonly mtPriority?: number | undefined;
  /** Hold the message for so many seconds, or until a moment (RFC 4865). */
  readonly hold?: { readonly seconds: number } | { readonly until: Date } | undefined;
  /** Who submitted the message first: an address, or '' for nobody known (RFC 4954 5). */
  readonly authSender?: string | undefined;
}

/** All that a transaction wants to tell, or needs, beyond addresses. */
export interface TransactionParameters extends Wishes {
  /** Octets of the message, before stuffing. */
  readonly size: number | undefined;
  readonly eightBit: boolean;
  /** More than lines of text: goes out as it is. */
  readonly binary: boolean;
  /** By BDAT in place of DATA. */
  readonly chunking: boolean;
  /** An address, or a header field, that is not ASCII. */
  readonly utf8: boolean;
}

/** An extension that adds parameters to MAIL or RCPT (RFC 5321 2.2.2). */
export interface Extension {
  /** Offered by EHLO. */
  readonly keyword: string;
  /** What it adds to MAIL, where offered. */
  mail?(parameters: TransactionParameters): readonly string[];
  /** What it adds to RCPT for `path`, where offered. */
  rcpt?(parameters: TransactionParameters, path: string): readonly string[];
  /** Why the transaction cannot be, given what the server offers (undefined: nothing). Asked before MAIL. */
  problem?(parameters: TransactionParameters, offered: string | undefined): UnsupportedError | undefined;
}
