import {
  fieldValue,
  type HeaderField,
  parseHeader,
  readAddresses,
  readDate,
  readText,
} from '../read-header.ts';
import { readBody } from './body.ts';
import { type Entity, isMessageType } from './entity.ts';
import { readLeaf } from './leaf.ts';
import { readLinks } from './links.ts';
import { READ_LIMITS, type ReadAddress, type ReadLimits, type ReadMessage, type ReadPart } from './types.ts';
import { readEntities } from './walk.ts';
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
  const octets = inLines(message.subarray(0, limits.octets), warnings);
  const root = readEntities(octets, { limits, warnings, parts: limits.parts, steps: 0 });
  const leaves = new Map<Entity, ReadPart>();
  const leaf = (entity: Entity): ReadPart => {
    const known = leaves.get(entity) ?? readLeaf(entity, warnings);
    leaves.set(entity, known);
    return known;
  };
  const body = readBody(root, leaf, warnings, limits.text);
  const parts: ReadPart[] = [];
  const attachments: ReadPart[] = [];
  const gather = (entity: Entity, isWithin: boolean) => {
    const isMessage = isMessageType(entity.type);
    if (entity.children.length === 0 || isMessage) {
      const part = leaf(entity);
      parts.push(part);
      // A message that is nothing but a header has no attachment.
      if (!isWithin && !body.shown.has(entity) && (entity !== root || part.size > 0)) attachments.push(part);
    }
    for (const child of entity.children) gather(child, isWithin || isMessage);
  };
  gather(root, false);
  return {
    ...headerOf(headerFields(root, warnings), warnings),
    text: body.text,
    textSource: body.source,
    body: body.pieces,
    page: body.page,
    html: body.html,
    links: readLinks(body.html, body.plain),
    parts,
    attachments,
    warnings: warnings.list,
  };
}

/** A message whose lines end in CR alone, as an old Macintosh wrote them, with line ends that are some. */
function inLines(message: Uint8Array, warnings: Warnings): Uint8Array {
  if (!message.includes(0x0d) || message.includes(0x0a)) return message;
  warnings.add('lines end in CR alone');
  return message.map((octet) => (octet === 0x0d ? 0x0a : octet));
}

/** The fields of the header; octets in it that are not UTF-8 are in the charset of the text. */
function headerFields(root: Entity, warnings: Warnings): readonly HeaderField[] {
  if (root.oddHead === undefined) return root.fields;
  warnings.add('the header has octets that are neither ASCII nor UTF-8: their charset is guessed');
  return parseHeader(root.oddHead, { charset: textCharset(root) });
}

function textCharset(root: Entity): string | undefined {
  let entity: Entity | undefined = root;
  while (entity?.type.startsWith('multipart/') === true) entity = entity.children[0];
  return entity?.contentType.parameters.get('charset');
}

function headerOf(fields: readonly HeaderField[], warnings: Warnings) {
  const warn = (warning: string) => warnings.add(warning);
  const value = (name: string) => fieldValue(fields, name);
  const addresses = (name: string): ReadAddress[] =>
    fields
      .filter((field) => field.name.toLowerCase() === name)
      .flatMap((field) => readAddresses(field.value, warn));
  const subject = value('subject');
  return {
    headers: fields.map((field) => ({ name: field.name, value: readText(field.value, warn) })),
    from: addresses('from'),
    to: addresses('to'),
    cc: addresses('cc'),
    bcc: addresses('bcc'),
    replyTo: addresses('reply-to'),
    date: readDate(value('date') ?? '') ?? null,
    subject: subject === undefined ? null : readText(subject, warn),
    messageId: messageIds(value('message-id'))[0] ?? null,
    inReplyTo: messageIds(value('in-reply-to')),
    references: messageIds(value('references')),
  };
}

/** So many ids of one field are told. */
const IDS_LIMIT = 1_000;

/** The ids in angle brackets. */
function messageIds(value: string | undefined): string[] {
  return value?.match(/<[^<>\s]{1,998}>/g)?.slice(0, IDS_LIMIT) ?? [];
}
