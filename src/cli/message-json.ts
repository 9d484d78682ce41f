import { createHash } from 'node:crypto';
import type { ReadAddress, ReadMessage, ReadPart } from '../mime/read/index.ts';
import { asMail } from './output.ts';

/** Where a message was found; what is not known, as of a file, is null. */
export interface MessagePlace {
  readonly number: number | null;
  readonly uid: string | null;
  /** Octets. */
  readonly size: number;
}

/** The document of `show` from the start. */
export const NO_MESSAGE = {
  number: null,
  uid: null,
  size: null,
  headers: [],
  from: [],
  to: [],
  cc: [],
  replyTo: [],
  date: null,
  subject: null,
  messageId: null,
  inReplyTo: [],
  references: [],
  text: '',
  textSource: 'none',
  links: [],
  attachments: [],
} as const;

/** A message in JSON, as `show` and `wait` give it: everything but the octets of its parts. */
export function messageJson(place: MessagePlace, message: ReadMessage): Record<string, unknown> {
  const { headers, date, subject, messageId, inReplyTo, references, text, textSource, links, warnings } =
    message;
  return asMail({
    number: place.number,
    uid: place.uid,
    size: place.size,
    headers: headers.map(({ name, value }) => ({ name, value })),
    from: addresses(message.from),
    to: addresses(message.to),
    cc: addresses(message.cc),
    replyTo: addresses(message.replyTo),
    date: date?.toISOString() ?? null,
    subject,
    messageId,
    inReplyTo: [...inReplyTo],
    references: [...references],
    text,
    textSource,
    links: links.map(({ url, text: shown }) => ({ url, text: shown })),
    attachments: message.attachments.map(attachment),
    warnings: [...warnings],
  });
}

function addresses(list: readonly ReadAddress[]): object[] {
  return list.map(({ name, address }) => ({ name, address }));
}

function attachment({ part, filename, type, disposition, contentId, size, bytes }: ReadPart): object {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { part, filename, type, disposition, contentId, size, sha256 };
}
