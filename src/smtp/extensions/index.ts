import { binaryMime, chunking } from './chunking.ts';
import { dsn } from './dsn.ts';
import { eightBitMime } from './eight-bit-mime.ts';
import type { Extension } from './extension.ts';
import { size } from './size.ts';
import { smtpUtf8 } from './smtp-utf8.ts';
import { authSender, deliverBy, futureRelease, mtPriority, requireTls } from './submission.ts';

export type { DsnCondition, Extension, TransactionParameters, Wishes } from './extension.ts';

/** Every extension that adds parameters. */
export const EXTENSIONS: readonly Extension[] = [
  size,
  chunking,
  binaryMime,
  // Before 8BITMIME, which it includes: the address is the better reason.
  smtpUtf8,
  eightBitMime,
  dsn,
  requireTls,
  deliverBy,
  mtPriority,
  futureRelease,
  authSender,
];
