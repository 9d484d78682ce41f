import { createHash } from 'node:crypto';
import { InputError } from '../errors.ts';
import type { ReadMessage, ReadPart } from '../mime/read/index.ts';
import { MESSAGE_LIMIT, type Message } from './message-source.ts';

/** Reads a message that is in memory; what is broken in it is in its `warnings`. */
export async function readWhole({ bytes }: Message): Promise<ReadMessage> {
  const { readMessage } = await import('../mime/read/index.ts');
  return readMessage(bytes, { limits: { octets: MESSAGE_LIMIT } });
}

/** The part of that number; `InputError` where there is none. */
export function partOf(message: ReadMessage, part: string): ReadPart {
  const found = message.parts.find((each) => each.part === part);
  if (found !== undefined) return found;
  const numbers = message.parts.map((each) => each.part);
  const some = numbers.slice(0, 20).join(', ');
  throw new InputError(`there is no part ${JSON.stringify(part.slice(0, 40))}`, {
    hint: `the message has ${some}${numbers.length > 20 ? ', ...' : ''}; mailtool show lists what is attached`,
  });
}

/** In hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
