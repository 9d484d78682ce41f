import { DataError } from '../errors.ts';
import type { Mailbox } from './address.ts';
import { addressField, domainOf } from './compose.ts';
import { field } from './header.ts';
import { dateText, messageIdOf, newMessageId, UNIQUE, type Uniqueness } from './ids.ts';
import { type RawMessage, rawMessage } from './raw.ts';
import type { Source } from './source.ts';

/** Who sends a message of somebody else again, and to whom (RFC 5322 3.6.6). */
export interface Resending {
  readonly from: Mailbox;
  /** Who sends it for `from`. */
  readonly sender?: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc?: readonly Mailbox[];
  readonly date?: Date;
  /** Of this sending; the message keeps its own. With or without angle brackets. */
  readonly messageId?: string;
}

/**
 * A message as it is, with a block of Resent-* fields above it that say who sends it now. Hidden recipients are in the
 * envelope only. `messageId` is that of this sending. `DataError` for what cannot be sent.
 */
export async function resentMessage(
  source: Source,
  resending: Resending,
  unique: Uniqueness = UNIQUE,
): Promise<RawMessage> {
  const { from, sender, to, cc = [], date } = resending;
  if (await isOfMbox(source)) {
    throw new DataError('the message begins with a line of an mbox, "From ..."', {
      stage: 'compose',
      hint: 'take that line off: above it there can be no further fields',
    });
  }
  const message = await rawMessage(source);
  const messageId =
    resending.messageId === undefined
      ? newMessageId(domainOf(from), unique)
      : messageIdOf(resending.messageId, 'the Message-ID');
  let block = field('Resent-Date', [dateText(date ?? unique.now)]) + addressField('Resent-From', [from]);
  if (sender !== undefined) block += addressField('Resent-Sender', [sender]);
  if (to.length > 0) block += addressField('Resent-To', to);
  if (cc.length > 0) block += addressField('Resent-Cc', cc);
  block += field('Resent-Message-ID', [messageId]);
  return under(Buffer.from(block, 'utf8'), message, messageId);
}

function under(block: Buffer, message: RawMessage, messageId: string): RawMessage {
  const eightBit = block.some((octet) => octet > 127);
  return {
    size: block.length + message.size,
    eightBit: message.eightBit || eightBit,
    messageId,
    envelope: message.envelope,
    ...(eightBit || message.smtpUtf8 === true ? { smtpUtf8: true } : {}),
    prepared: async (server) => under(block, await message.prepared(server), messageId),
    async *[Symbol.asyncIterator]() {
      yield block;
      yield* message;
    },
  };
}

async function isOfMbox(source: Source): Promise<boolean> {
  let start = '';
  for await (const chunk of source.open()) {
    start += Buffer.from(chunk.subarray(0, 5)).toString('latin1');
    if (start.length >= 5) break;
  }
  return start.startsWith('From ');
}
