import type { UnsupportedError } from '../../errors.ts';

/** What one transaction wants to tell, or needs, beyond addresses. */
export interface TransactionParameters {
  /** Octets of the message, before stuffing. */
  readonly size: number | undefined;
  readonly eightBit: boolean;
  /** An address, or a header field, that is not ASCII. */
  readonly utf8: boolean;
}

/** An extension that adds parameters to MAIL or RCPT (RFC 5321 2.2.2). */
export interface Extension {
  /** Offered by EHLO. */
  readonly keyword: string;
  /** What it adds to MAIL, where offered. */
  mail(parameters: TransactionParameters): readonly string[];
  /** Why the transaction cannot be, given what the server offers (undefined: nothing). Asked before MAIL. */
  problem?(parameters: TransactionParameters, offered: string | undefined): UnsupportedError | undefined;
}
