import { readContentType } from '../content-type.ts';
import { fieldValue, type HeaderField, parseHeader } from '../read-header.ts';
import { type Parameterised, readParameters } from './parameters.ts';
import type { ReadLimits } from './types.ts';
import type { Warnings } from './warnings.ts';

/** One entity of a message (RFC 2045 2.4): the message itself, a part, or a message within. */
export interface Entity {
  /** As in IMAP; empty for a message, whose parts are numbered below it. */
  readonly number: string;
  readonly fields: readonly HeaderField[];
  readonly type: string;
  readonly contentType: Parameterised;
  /** In small letters; `7bit` where none is named. */
  readonly encoding: string;
  /** Parts of a multipart; for a message within, the one entity that it is. */
  readonly children: Entity[];
  /** Octets of its body as they are in the message, not decoded. */
  body: Uint8Array;
}

/** What a walk shares with the walks of messages within that had to be decoded first. */
export interface Budget {
  readonly limits: ReadLimits;
  readonly warnings: Warnings;
  /** Parts that may still be made. */
  parts: number;
}

/** An entity whose end has not been found. */
interface Open {
  readonly entity: Entity;
  /** How many levels are above it. */
  readonly depth: number;
  /** Where its body begins. */
  readonly from: number;
  /** How many messages it is within. */
  readonly messages: number;
  readonly boundary: string | undefined;
  stage: 'preamble' | 'parts' | 'epilogue';
}

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
/** Longer lines are no boundaries. */
const BOUNDARY_LINE = 600;
/** A line of a header; what is none ends it, as most readers have it (as in `structure.ts`). */
const FIELD = /^(?:[!-9;-~]+[ \t]*:|[ \t])/;
const FIRST_FIELD = /^(?:>?From |[!-9;-~]+[ \t]*:|[ \t])/;

/**
 * The tree of a message, by one pass over its octets. Never throws: what is broken is read as far as it can be. `number`: that of
 * the part which the message is; `depth` and `messages`: how many levels and messages stand around it.
 */
export function readEntities(
  message: Uint8Array,
  budget: Budget,
  number = '',
  depth = 0,
  messages = 0,
): Entity {
  return new Walk(message, budget).read(number, depth, messages);
}

class Walk {
  readonly #bytes: Buffer;
  readonly #budget: Budget;
  readonly #open: Open[] = [];
  /** By delimiter line without `--`: the outermost open multipart that has it (RFC 2046 5.1.2). */
  readonly #boundaries = new Map<string, Open>();

  constructor(message: Uint8Array, budget: Budget) {
    this.#bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    this.#budget = budget;
  }

  read(number: string, depth: number, messages: number): Entity {
    const bytes = this.#bytes;
    const { entity: root } = this.#begin(0, number, depth, messages, 'text/plain', true);
    let at = this.#open.at(-1)?.from ?? bytes.length;
    while (at < bytes.length) {
      const found = bytes.indexOf(LF, at);
      const next = found === -1 ? bytes.length : found + 1;
      if (bytes[at] === DASH && bytes[at + 1] === DASH && next - at <= BOUNDARY_LINE)
        at = this.#delimiter(at, next) ?? next;
      else at = next;
    }
    if (this.#open.some(({ boundary, stage }) => boundary !== undefined && stage === 'parts'))
      this.#budget.warnings.add('the last boundary of a multipart is missing');
    this.#closeTo(0, bytes.length);
    return root;
  }

  /** What is behind the line, and the header after it, where the line is a boundary. */
  #delimiter(at: number, next: number): number | undefined {
    const line = this.#bytes.toString('latin1', at + 2, next).trimEnd();
    const part = this.#boundaries.get(line);
    const last = line.endsWith('--') ? this.#boundaries.get(line.slice(0, -2)) : undefined;
    const open = outer(part, last);
    if (open === undefined) return undefined;
    const end = lineEndBefore(this.#bytes, at, open.from);
    this.#closeTo(this.#open.indexOf(open) + 1, end);
    if (open === last) {
      open.stage = 'epilogue';
      if (open.entity.children.length === 0) open.entity.body = this.#bytes.subarray(open.from, end);
      this.#boundaries.delete(open.boundary ?? '');
      return next;
    }
    open.stage = 'parts';
    if (this.#budget.parts <= 0) {
      this.#budget.warnings.add(
        `there are more than ${this.#budget.limits.parts} parts: the rest is left out`,
      );
      return this.#bytes.length;
    }
    const { entity, depth, messages } = open;
    const number = `${entity.number}${entity.number === '' ? '' : '.'}${entity.children.length + 1}`;
    const childType = entity.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    const child = this.#begin(next, number, depth + 1, messages, childType, false);
    entity.children.push(child.entity);
    return child.next;
  }

  /** Ends all that is open from that level on, where the octets up to `end` are its body. */
  #closeTo(level: number, end: number): void {
    for (
      let open = this.#open.at(-1);
      this.#open.length > level && open !== undefined;
      open = this.#open.at(-1)
    ) {
      this.#open.pop();
      if (open.boundary !== undefined && this.#boundaries.get(open.boundary) === open)
        this.#boundaries.delete(open.boundary);
      // The body of what has parts is not kept, save that of a message: it is one attachment.
      open.entity.body = this.#bytes.subarray(Math.min(open.from, end), end);
      if (open.boundary !== undefined && open.entity.children.length === 0)
        this.#budget.warnings.add('a multipart has no parts: it is read as text');
    }
  }

  /** Reads a header, and opens the entity that it is of. Messages within begin with another header. */
  #begin(
    from: number,
    number: string,
    depth: number,
    messages: number,
    defaultType: string,
    isMessage: boolean,
  ): { entity: Entity; next: number } {
    const { limits, warnings } = this.#budget;
    this.#budget.parts--;
    const { head, body } = this.#header(from);
    const fields = parseHeader(head);
    const typeField = fieldValue(fields, 'content-type') ?? defaultType;
    const { type, boundary } = readContentType(typeField);
    const encodingField = fieldValue(fields, 'content-transfer-encoding') ?? '7bit';
    const [encoding = ''] = /[^\s;()]+/.exec(encodingField) ?? [];
    const isMultipart = type.startsWith('multipart/');
    const entity: Entity = {
      // A message that is no multipart is its own first part.
      number: isMessage && !isMultipart ? `${number}${number === '' ? '' : '.'}1` : number,
      fields,
      type,
      contentType: readParameters(typeField),
      encoding: encoding.toLowerCase(),
      children: [],
      body: this.#bytes.subarray(body, body),
    };
    const tooDeep = depth >= limits.depth;
    if (tooDeep)
      warnings.add(`parts nest deeper than ${limits.depth} levels: deeper ones are not taken apart`);
    if (isMultipart && boundary === undefined)
      warnings.add('a multipart names no boundary: it is read as text');
    const octets = boundary === undefined ? undefined : Buffer.from(boundary, 'utf8').toString('latin1');
    const open: Open = {
      entity,
      depth,
      from: body,
      messages,
      boundary: isMultipart && !tooDeep ? octets : undefined,
      stage: 'preamble',
    };
    this.#open.push(open);
    if (open.boundary !== undefined) {
      if (!this.#boundaries.has(open.boundary)) this.#boundaries.set(open.boundary, open);
      else warnings.add('two multiparts, one in the other, have the same boundary');
    }
    if (!isMessageType(type) || tooDeep || !/^(?:[78]-?bit|binary)$/.test(entity.encoding))
      return { entity, next: body };
    if (messages >= limits.messages) {
      warnings.add(`messages nest deeper than ${limits.messages} levels: deeper ones are not taken apart`);
      return { entity, next: body };
    }
    const inner = this.#begin(body, entity.number, depth + 1, messages + 1, 'text/plain', true);
    entity.children.push(inner.entity);
    return { entity, next: inner.next };
  }

  /** The header that begins there, and where the body begins. A boundary ends it, too. */
  #header(from: number): { head: Buffer; body: number } {
    const bytes = this.#bytes;
    let at = from;
    for (; at < bytes.length; ) {
      const found = bytes.indexOf(LF, at);
      const next = found === -1 ? bytes.length : found + 1;
      const first = bytes[at];
      if (first === LF || (first === CR && next === at + 2))
        return { head: bytes.subarray(from, at), body: next };
      const line = bytes.toString('latin1', at, Math.min(next, at + 1_000));
      if (!(at === from ? FIRST_FIELD : FIELD).test(line)) {
        if (!(line.startsWith('--') && this.#isDelimiter(at, next)))
          this.#budget.warnings.add('a header ends without a blank line');
        break;
      }
      at = next;
    }
    return { head: bytes.subarray(from, at), body: at };
  }

  #isDelimiter(at: number, next: number): boolean {
    if (next - at > BOUNDARY_LINE) return false;
    const line = this.#bytes.toString('latin1', at + 2, next).trimEnd();
    return this.#boundaries.has(line) || (line.endsWith('--') && this.#boundaries.has(line.slice(0, -2)));
  }
}

export function isMessageType(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global';
}

function outer(one: Open | undefined, other: Open | undefined): Open | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.depth <= other.depth ? one : other;
}

/** The line end before a boundary is the boundary's (RFC 2046 5.1.1). */
function lineEndBefore(bytes: Buffer, at: number, from: number): number {
  if (at <= from || bytes[at - 1] !== LF) return at;
  return at - 1 > from && bytes[at - 2] === CR ? at - 2 : at - 1;
}
