import { fieldValue, type HeaderField, readAddresses, readDate, readText } from '../read-header.ts';
import { readBody } from './body.ts';
import { type Budget, type Entity, isMessageType, readEntities } from './entity.ts';
import { readLeaf } from './leaf.ts';
import { readLinks } from './links.ts';
import { READ_LIMITS, type ReadAddress, type ReadLimits, type ReadMessage, type ReadPart } from './types.ts';
import { Warnings } from './warnings.ts';

/**
 * Reads a message that somebody else made. Never throws, whatever the octets are; takes time in proportion to their number.
 * The octets must not change while `bytes` of its parts are in use: they may be the same memory.
 */
export async function readMessage(
  message: Uint8Array,
  options: { readonly limits?: Partial<ReadLimits> } = {},
): Promise<ReadMessage> {
  const limits = { ...READ_LIMITS, ...options.limits };
  const warnings = new Warnings();
  if (message.length > limits.octets)
    warnings.add(`the message is larger than ${limits.octets} octets: what is beyond is not read`);
  const budget: Budget = { limits, warnings, parts: limits.parts };
  const root = readEntities(message.subarray(0, limits.octets), budget);
  const leaves = new Map<Entity, ReadPart>();
  const leaf = (entity: Entity): ReadPart => {
    const known = leaves.get(entity) ?? readLeaf(entity, warnings);
    leaves.set(entity, known);
    return known;
  };
  const body = readBody(root, leaf);
  const parts: ReadPart[] = [];
  const attachments: ReadPart[] = [];
  const gather = (entity: Entity, isWithin: boolean) => {
    const isMessage = isMessageType(entity.type);
    if (entity.children.length === 0 || isMessage) {
      const part = leaf(entity);
      parts.push(part);
      if (!isWithin && !body.shown.has(entity) && (entity !== root || part.size > 0)) attachments.push(part);
    }
    for (const child of entity.children) gather(child, isWithin || isMessage);
  };
  gather(root, false);
  const text = body.source === 'plain' ? body.text : '';
  return {
    ...headerOf(root.fields),
    text: body.text,
    textSource: body.source,
    html: body.html,
    links: readLinks(body.html, text),
    parts,
    attachments,
    warnings: warnings.list,
  };
}

function headerOf(fields: readonly HeaderField[]) {
  const value = (name: string) => fieldValue(fields, name);
  const addresses = (name: string): ReadAddress[] =>
    fields
      .filter((field) => field.name.toLowerCase() === name)
      .flatMap((field) => readAddresses(field.value));
  const subject = value('subject');
  return {
    headers: fields.map((field) => ({ name: field.name, value: readText(field.value) })),
    from: addresses('from'),
    to: addresses('to'),
    cc: addresses('cc'),
    bcc: addresses('bcc'),
    replyTo: addresses('reply-to'),
    date: readDate(value('date') ?? '') ?? null,
    subject: subject === undefined ? null : readText(subject),
    messageId: messageIds(value('message-id'))[0] ?? null,
    inReplyTo: messageIds(value('in-reply-to')),
    references: messageIds(value('references')),
  };
}

/** The ids in angle brackets. */
function messageIds(value: string | undefined): string[] {
  return value?.match(/<[^<>\s]{1,998}>/g)?.slice(0, 1_000) ?? [];
}
