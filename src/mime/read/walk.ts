import { isUtf8 } from 'node:buffer';
import { asBuffer } from '../../codec/octets.ts';
import { fieldValue, parseHeader } from '../read-header.ts';
import {
  type Budget,
  below,
  type Entity,
  isMessageType,
  opaque,
  type Place,
  ROOT,
  within,
} from './entity.ts';
import { type Parameterised, readParameters } from './parameters.ts';
import { decodeTransfer } from './transfer.ts';

/** An entity whose end has not been found. */
interface Open {
  readonly entity: Entity;
  readonly place: Place;
  /** Where its body begins. */
  readonly from: number;
  readonly boundary: string | undefined;
  stage: 'preamble' | 'parts' | 'epilogue';
}

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
/** RFC 2046 5.1.1 allows 70 characters; what is longer is found in the wild, what is much longer is not. */
const BOUNDARY_LIMIT = 500;
const BOUNDARY_LINE = BOUNDARY_LIMIT + 100;
/** A line of a header; what is none ends it, as most readers have it (as in `structure.ts`). */
const FIELD = /^(?:[!-9;-~]+[ \t]*:|[ \t])/;
const FIRST_FIELD = /^(?:>?From |[!-9;-~]+[ \t]*:|[ \t])/;
const PLAIN_ENCODING = /^(?:[78]-?bit|binary)$/;

/**
 * The tree of a message, by one pass over its octets. Never throws: what is broken is read as far as it can be. `place`: where it
 * is, when it is within another.
 */
export function readEntities(message: Uint8Array, budget: Budget, place: Place = ROOT): Entity {
  return new Walk(message, budget).read(place);
}

class Walk {
  readonly #bytes: Buffer;
  readonly #budget: Budget;
  readonly #open: Open[] = [];
  /** By boundary: the outermost open multipart that has it (RFC 2046 5.1.2). */
  readonly #boundaries = new Map<string, Open>();

  constructor(message: Uint8Array, budget: Budget) {
    this.#bytes = asBuffer(message);
    this.#budget = budget;
  }

  read(place: Place): Entity {
    const bytes = this.#bytes;
    const begun = this.#begin(0, place);
    for (let at = begun.next; at < bytes.length; ) {
      this.#budget.steps++;
      const found = bytes.indexOf(LF, at);
      const next = found === -1 ? bytes.length : found + 1;
      const isDashed = bytes[at] === DASH && bytes[at + 1] === DASH && next - at <= BOUNDARY_LINE;
      at = (isDashed ? this.#delimiter(at, next) : undefined) ?? next;
    }
    if (this.#open.some(({ stage }) => stage === 'parts'))
      this.#warn('the last boundary of a multipart is missing');
    this.#closeTo(0, bytes.length);
    return begun.entity;
  }

  #warn(warning: string): void {
    this.#budget.warnings.add(warning);
  }

  /** The multipart whose boundary the line is, and whether it is the last. */
  #boundaryAt(at: number, next: number): { open: Open; isLast: boolean } | undefined {
    if (next - at > BOUNDARY_LINE) return undefined;
    const line = this.#bytes.toString('latin1', at + 2, next).trimEnd();
    const part = this.#boundaries.get(line);
    const last = line.endsWith('--') ? this.#boundaries.get(line.slice(0, -2)) : undefined;
    if (part === undefined) return last === undefined ? undefined : { open: last, isLast: true };
    if (last === undefined || part.place.depth <= last.place.depth) return { open: part, isLast: false };
    return { open: last, isLast: true };
  }

  /** What is behind the line, and the header after it, where the line is a boundary. */
  #delimiter(at: number, next: number): number | undefined {
    const boundary = this.#boundaryAt(at, next);
    if (boundary === undefined) return undefined;
    const { open } = boundary;
    this.#budget.steps += this.#open.length;
    const end = lineEndBefore(this.#bytes, at, open.from);
    this.#closeTo(this.#open.indexOf(open) + 1, end);
    if (boundary.isLast) {
      if (open.entity.children.length === 0) open.entity.body = this.#bytes.subarray(open.from, end);
      open.stage = 'epilogue';
      this.#boundaries.delete(open.boundary ?? '');
      return next;
    }
    open.stage = 'parts';
    const { entity, place } = open;
    const number = below(entity.number, entity.children.length + 1);
    const defaultType = entity.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    const inside = {
      number,
      depth: place.depth + 1,
      messages: place.messages,
      isMessage: false,
      defaultType,
    };
    if (this.#budget.parts-- <= 0) {
      this.#warn(`there are more than ${this.#budget.limits.parts} parts: the rest is one part`);
      entity.children.push(opaque(number, this.#bytes.subarray(next)));
      open.stage = 'epilogue';
      return this.#bytes.length;
    }
    const child = this.#begin(this.#unrepeated(next, boundary.open), inside);
    entity.children.push(child.entity);
    return child.next;
  }

  /** Behind what repeats the boundary at once: there is nothing between. */
  #unrepeated(from: number, open: Open): number {
    let at = from;
    while (this.#bytes[at] === DASH && this.#bytes[at + 1] === DASH) {
      this.#budget.steps++;
      const next = this.#bytes.indexOf(LF, at) + 1;
      const again = next === 0 ? undefined : this.#boundaryAt(at, next);
      if (again?.open !== open || again.isLast) break;
      at = next;
    }
    return at;
  }

  /** Ends all that is open from that level on; the octets up to `end` are its body. */
  #closeTo(level: number, end: number): void {
    while (this.#open.length > level) {
      const open = this.#open.pop();
      if (open === undefined) return;
      const { entity, place, boundary, stage, from } = open;
      if (boundary !== undefined && this.#boundaries.get(boundary) === open)
        this.#boundaries.delete(boundary);
      if (stage !== 'epilogue' || boundary === undefined)
        entity.body = this.#bytes.subarray(Math.min(from, end), end);
      if (boundary !== undefined && entity.children.length === 0) {
        this.#warn('a multipart has no parts: it is read as text');
        entity.type = 'text/plain';
        if (place.isMessage) entity.number = below(entity.number, 1);
      } else if (isMessageType(entity.type) && entity.children.length === 0) this.#encodedMessage(open);
    }
  }

  /** RFC 2046 5.2.1 wants a message within not to be encoded; some are all the same. */
  #encodedMessage({ entity, place }: Open): void {
    const { limits, warnings } = this.#budget;
    if (!/^(?:base64|quoted-printable)$/.test(entity.encoding)) return;
    if (place.messages >= limits.messages || place.depth >= limits.depth || this.#budget.parts <= 0) return;
    this.#budget.parts--;
    const message = decodeTransfer(entity.body, entity.encoding, warnings);
    entity.children.push(readEntities(message, this.#budget, within(entity, place)));
  }

  /** Reads a header, and opens the entity that it is of. A message within begins with another header. */
  #begin(from: number, place: Place): { entity: Entity; next: number } {
    const { limits } = this.#budget;
    const { head, body } = this.#header(from);
    const { entity, boundary } = this.#entityOf(head, body, place);
    const open: Open = { entity, place, from: body, boundary, stage: 'preamble' };
    this.#open.push(open);
    if (boundary !== undefined) {
      if (this.#boundaries.has(boundary))
        this.#warn('two multiparts, one in the other, have the same boundary');
      else this.#boundaries.set(boundary, open);
    }
    if (!isMessageType(entity.type) || !PLAIN_ENCODING.test(entity.encoding)) return { entity, next: body };
    if (place.messages >= limits.messages || place.depth >= limits.depth || this.#budget.parts <= 0) {
      this.#warn('messages nest too deep, or are too many: some are not taken apart');
      return { entity, next: body };
    }
    this.#budget.parts--;
    const inner = this.#begin(body, within(entity, place));
    entity.children.push(inner.entity);
    return { entity, next: inner.next };
  }

  #entityOf(head: Buffer, body: number, place: Place): { entity: Entity; boundary: string | undefined } {
    const fields = parseHeader(head, { warn: (warning) => this.#warn(warning) });
    const contentType = readParameters(fieldValue(fields, 'content-type') ?? place.defaultType);
    const isType = /^[^\s/;()"]+\/[^\s/;()"]+$/.test(contentType.value);
    const type = isType ? contentType.value : 'text/plain';
    const [encoding = '7bit'] =
      /[^\s;()"']+/.exec(fieldValue(fields, 'content-transfer-encoding') ?? '') ?? [];
    const boundary = type.startsWith('multipart/') ? this.#boundary(contentType, body, place) : undefined;
    const isLeaf = boundary === undefined;
    const { limits } = this.#budget;
    const isDeep = place.depth >= limits.depth;
    if (isDeep && (!isLeaf || isMessageType(type)))
      this.#warn(`parts nest deeper than ${limits.depth} levels: deeper ones are not taken apart`);
    const entity: Entity = {
      // A message that is no multipart is its own first part.
      number: place.isMessage && (isLeaf || isDeep) ? below(place.number, 1) : place.number,
      fields,
      oddHead: isUtf8(head) ? undefined : head,
      type: type.startsWith('multipart/') && isLeaf ? 'text/plain' : type,
      contentType,
      encoding: encoding.toLowerCase(),
      children: [],
      body: this.#bytes.subarray(body, body),
    };
    return { entity, boundary: isDeep ? undefined : boundary };
  }

  /** The boundary of a multipart as its lines have it; where none is named, or not its own, the line that it begins with. */
  #boundary({ parameters }: Parameterised, body: number, { depth }: Place): string | undefined {
    const named = (parameters.get('boundary') ?? '').trimEnd();
    const octets = Buffer.from(named, 'utf8').toString('latin1');
    const isNamed = octets !== '' && octets.length <= BOUNDARY_LIMIT;
    // Only once for a message: it is a search through all of it.
    if (isNamed && (depth > 0 || this.#bytes.indexOf(`--${octets}`, body, 'latin1') !== -1)) return octets;
    const start = this.#bytes.toString('latin1', body, body + BOUNDARY_LINE).replace(/^[\r\n]+/, '');
    const [, guess] = /^--([^\s]{1,200})[ \t]*\r?\n/.exec(start) ?? [];
    if (guess === undefined && isNamed) return octets;
    this.#warn('a multipart does not name its boundary');
    return guess;
  }

  /** The header that begins there, and where the body begins. A boundary ends it, too. */
  #header(from: number): { head: Buffer; body: number } {
    const bytes = this.#bytes;
    let at = from;
    while (at < bytes.length) {
      this.#budget.steps++;
      const found = bytes.indexOf(LF, at);
      const next = found === -1 ? bytes.length : found + 1;
      const first = bytes[at];
      if (first === LF || (first === CR && next === at + 2))
        return { head: bytes.subarray(from, at), body: next };
      if (first === DASH && bytes[at + 1] === DASH && this.#boundaryAt(at, next) !== undefined) break;
      const line = bytes.toString('latin1', at, Math.min(next, at + 1_000));
      if (!(at === from ? FIRST_FIELD : FIELD).test(line)) {
        this.#warn('a header ends without a blank line');
        break;
      }
      at = next;
    }
    return { head: bytes.subarray(from, at), body: at };
  }
}

/** The line end before a boundary is the boundary's (RFC 2046 5.1.1). */
function lineEndBefore(bytes: Buffer, at: number, from: number): number {
  if (at <= from || bytes[at - 1] !== LF) return at;
  return at - 1 > from && bytes[at - 2] === CR ? at - 2 : at - 1;
}
