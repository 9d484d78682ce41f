import { decodeLabelled } from '../charset.ts';
import { declaredCharset } from '../html-charset.ts';
import { htmlToText } from '../html-text.ts';
import { fieldValue, readText } from '../read-header.ts';
import { type Entity, isMessageType } from './entity.ts';
import { unflow } from './flowed.ts';
import type { ReadPart, ReadText } from './types.ts';
import type { Warnings } from './warnings.ts';

/** What there is to read in a message. */
export interface Body {
  readonly text: string;
  readonly source: 'plain' | 'html' | 'none';
  /** The plain text alone. */
  readonly plain: string;
  readonly html: string | null;
  /** What `text` is made of. */
  readonly pieces: readonly ReadText[];
  /** The same in the form that was made for looking at. */
  readonly page: readonly ReadText[];
  /** The leaves that are text of the body, in whichever form. */
  readonly shown: ReadonlySet<Entity>;
}

/** Text of one leaf; a page is turned to text when that is asked for. */
class Segment implements ReadText {
  readonly source: 'plain' | 'html';
  readonly content: string;
  #text: string | undefined;
  #isEmpty: boolean | undefined;

  constructor(source: 'plain' | 'html', content: string) {
    this.source = source;
    this.content = content;
  }

  get text(): string {
    this.#text ??= this.source === 'html' ? htmlToText(this.content) : this.content;
    return this.#text;
  }

  get isEmpty(): boolean {
    this.#isEmpty ??= this.text.trim() === '';
    return this.#isEmpty;
  }
}

/** What was found in one branch of the tree. */
interface Found {
  readonly segments: readonly Segment[];
  /** The same, with HTML wherever there is a choice. */
  readonly page: readonly Segment[];
}

const NOTHING: Found = { segments: [], page: [] };

/**
 * The body of a message, chosen among its parts as mail readers do. `leaf`: the octets of an entity without parts; no more than
 * `limit` of them are read as text, for that takes many times the memory.
 */
export function readBody(
  root: Entity,
  leaf: (entity: Entity) => ReadPart,
  warnings: Warnings,
  limit: number,
): Body {
  const reader = new BodyReader(leaf, warnings, limit);
  const found = reader.found(root, true);
  let segments = found.segments.filter(({ isEmpty }) => !isEmpty);
  // A digest, or a message that only carries others: those are what there is to read.
  if (segments.length === 0) segments = reader.nested(root).filter(({ isEmpty }) => !isEmpty);
  const [only] = segments;
  const plain = segments.filter(({ source }) => source === 'plain');
  const page = found.page.filter((segment) => segment.source === 'html' || !segment.isEmpty);
  const html = page.filter(({ source }) => source === 'html');
  return {
    text: joined(segments),
    source: only?.source ?? 'none',
    plain: joined(plain),
    html: html.length === 0 ? null : html.map(({ content }) => content).join('\n'),
    pieces: segments.map(asText),
    page: (page.length === 0 ? segments : page).map(asText),
    shown: reader.shown,
  };
}

function asText({ source, content }: Segment): ReadText {
  return { source, content };
}

function joined(segments: readonly Segment[]): string {
  const [only] = segments;
  if (only !== undefined && segments.length === 1) return only.text;
  return segments.map(({ text }) => (text.endsWith('\n') ? text : `${text}\n`)).join('\n');
}

class BodyReader {
  readonly shown = new Set<Entity>();
  readonly #leaf: (entity: Entity) => ReadPart;
  readonly #warnings: Warnings;
  readonly #limit: number;
  #read = 0;

  constructor(leaf: (entity: Entity) => ReadPart, warnings: Warnings, limit: number) {
    this.#leaf = leaf;
    this.#warnings = warnings;
    this.#limit = limit;
  }

  found(entity: Entity, isFirst: boolean): Found {
    const { type, children } = entity;
    if (children.length === 0) return this.#leafFound(entity, isFirst);
    if (isMessageType(type)) return NOTHING;
    if (type === 'multipart/related') return this.found(relatedRoot(entity), isFirst);
    if (type === 'multipart/alternative') {
      return alternative(children.map((child) => this.found(child, isFirst)));
    }
    const segments: Segment[] = [];
    const page: Segment[] = [];
    for (const child of children) {
      const found = this.found(child, isFirst && segments.length === 0);
      for (const segment of found.segments) segments.push(segment);
      for (const segment of found.page) page.push(segment);
    }
    return { segments, page };
  }

  #leafFound(entity: Entity, isFirst: boolean): Found {
    const { type } = entity;
    if (!type.startsWith('text/') || /^text\/(?:calendar|x-amp-html|rfc822-headers)$/.test(type))
      return NOTHING;
    const isKnown = type === 'text/plain' || type === 'text/html';
    const part = this.#leaf(entity);
    if (part.disposition === 'attachment') return NOTHING;
    // A text of another kind, or with a name, that stands behind another is a file that came along.
    if ((part.filename !== null || !isKnown) && !isFirst) return NOTHING;
    if (part.filename !== null && !isKnown) return NOTHING;
    this.shown.add(entity);
    const text = this.#textOf(entity, this.#within(part.bytes));
    const segments = [new Segment(type === 'text/html' ? 'html' : 'plain', text)];
    return { segments, page: segments };
  }

  /** As many octets as may still be read as text; no character of UTF-8 is cut. */
  #within(bytes: Uint8Array): Uint8Array {
    const room = this.#limit - this.#read;
    this.#read += Math.min(bytes.length, room);
    if (bytes.length <= room) return bytes;
    this.#warnings.add(`the text is longer than ${this.#limit} octets: what is beyond is left out`);
    let end = room;
    while (end > Math.max(0, room - 4) && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
    return bytes.subarray(0, end);
  }

  #textOf({ type, contentType: { parameters }, number }: Entity, bytes: Uint8Array): string {
    const named = parameters.get('charset') ?? (type === 'text/html' ? declaredCharset(bytes) : undefined);
    const { text, guessed } = decodeLabelled(bytes, named ?? 'us-ascii');
    if (guessed) {
      const label = (named ?? '').slice(0, 40).replace(/[^\w.:+-]/g, '?');
      this.#warnings.add(
        named === undefined
          ? `part ${number} names no charset: guessed`
          : `part ${number} is not in the charset that it names, "${label}", or that is unknown: guessed`,
      );
    }
    const lines = text.replace(/\r\n?/g, '\n');
    if (type !== 'text/plain' || parameters.get('format')?.toLowerCase() !== 'flowed') return lines;
    return unflow(lines, parameters.get('delsp')?.toLowerCase() === 'yes');
  }

  /** The texts of the messages within, with what their headers say. */
  nested(entity: Entity): Segment[] {
    const [message] = entity.children;
    if (message === undefined) return [];
    if (!isMessageType(entity.type)) return entity.children.flatMap((child) => this.nested(child));
    const lines = ['From', 'Date', 'Subject'].flatMap((name) => {
      const value = fieldValue(message.fields, name);
      return value === undefined ? [] : [`${name}: ${readText(value)}\n`];
    });
    const { segments } = this.found(message, true);
    return [new Segment('plain', lines.join('')), ...segments];
  }
}

/** RFC 2387 3.2: the part that the others are for. */
function relatedRoot({ children, contentType }: Entity): Entity {
  const start = contentType.parameters.get('start');
  const named =
    start === undefined
      ? undefined
      : children.find(({ fields }) => fieldValue(fields, 'content-id')?.trim() === start.trim());
  return named ?? (children[0] as Entity);
}

/** One of several forms (RFC 2046 5.1.4): plain text, unless that has nothing to read. */
function alternative(forms: readonly Found[]): Found {
  const hasText = ({ segments }: Found, source?: 'plain') =>
    segments.some((segment) => (source === undefined || segment.source === source) && !segment.isEmpty);
  const best = forms.find((form) => hasText(form, 'plain')) ?? forms.findLast((form) => hasText(form));
  const page = forms.findLast((form) => form.page.some(({ source }) => source === 'html')) ?? best;
  return { segments: best?.segments ?? [], page: page?.page ?? [] };
}
