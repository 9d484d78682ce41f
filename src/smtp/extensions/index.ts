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
  eightBitMime,
  smtpUtf8,
  dsn,
  requireTls,
  deliverBy,
  mtPriority,
  futureRelease,
  authSender,
];
