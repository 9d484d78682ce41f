import { eightBitMime } from './eight-bit-mime.ts';
import type { Extension } from './extension.ts';
import { size } from './size.ts';
import { smtpUtf8 } from './smtp-utf8.ts';

export type { Extension, TransactionParameters } from './extension.ts';

/** Every extension that adds parameters. */
export const EXTENSIONS: readonly Extension[] = [size, eightBitMime, smtpUtf8];
