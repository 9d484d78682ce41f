import { BodyMeter, type Measured } from './body-meter.ts';
import { readContentType } from './content-type.ts';
import { type CutLine, LineCutter } from './line-cutter.ts';
import { fieldValue, HEADER_LIMIT, parseHeader } from './read-header.ts';
import { exactly, type Source } from './source.ts';

/** One entity of a message (RFC 2045 2.4): the message itself, a part, or a message within. */
export interface Entity {
  /** Where its header is in the source. */
  readonly from: number;
  to: number;
  /** With CRLF line ends, without the blank line. */
  head: Buffer;
  /** Whether a blank line ends the header. */
  separated: boolean;
  readonly isMessage: boolean;
  /** Whether a signature covers it: any change would break that. */
  signed: boolean;
  /** The transfer encoding in small letters; undefined where none is named. */
  encoding: string | undefined;
}

/** Is told what a message consists of, each thing once its end is known. */
export interface Visitor {
  /** A header that ends before that line. */
  header(entity: Entity, line: number): void;
  /** A body with the entity that it is the body of; also what stands around the parts of a multipart. */
  body(entity: Entity, meter: BodyMeter, measured: Measured, line: number): void;
  /** A multipart, or a message within a message, after all that is in it. */
  container(entity: Entity): void;
}

/** One that holds others, and is not at its end. */
interface Container extends Entity {
  boundary: string | undefined;
  stage: 'preamble' | 'parts' | 'epilogue' | 'message';
  readonly childType: string;
}

/** Deeper parts are not looked into. */
const DEPTH_LIMIT = 100;
const DASH = 0x2d;
const CRLF = Buffer.from('\r\n');

/** Reads a message for its structure, as readers see it that go on where it is broken. Memory: a header for each level. */
export async function readStructure(source: Source, visitor: Visitor): Promise<void> {
  const walk = new Walk(visitor);
  const cutter = new LineCutter();
  for await (const chunk of exactly(source, 'the message')) {
    for (const line of cutter.push(chunk)) walk.line(line);
  }
  for (const line of cutter.finish()) walk.line(line);
  walk.end();
}

class Walk {
  readonly #visitor: Visitor;
  readonly #open: Container[] = [];
  /** The header that is being read. */
  #header: { entity: Entity; lines: Buffer[]; size: number; defaultType: string } | undefined;
  /** The body that is being read, and whose it is. */
  #body: { entity: Entity | Container; meter: BodyMeter; line: number } | undefined;
  #offset = 0;
  #lines = 0;

  constructor(visitor: Visitor) {
    this.#visitor = visitor;
    this.#begin(true, false, 'text/plain');
  }

  line(line: CutLine): void {
    if (line.starts) this.#lines++;
    const { bytes } = line;
    if (!(line.whole && bytes[0] === DASH && bytes[1] === DASH && this.#isBoundary(line))) {
      if (this.#header !== undefined) this.#headerLine(line);
      else this.#body?.meter.add(line);
    }
    this.#offset += bytes.length + line.end;
  }

  end(): void {
    // Where the last boundary is missing, the last line end is taken for its.
    const cut = this.#open.some(({ boundary }) => boundary !== undefined) && this.#body?.meter.isEnded;
    this.#finish(cut === true ? 'boundary' : 'end');
    for (let container = this.#open.pop(); container !== undefined; container = this.#open.pop())
      this.#visitor.container(container);
  }

  /** `after`: octets of the line that is being looked at, where the header begins behind it. */
  #begin(isMessage: boolean, signed: boolean, defaultType: string, after = 0): void {
    const from = this.#offset + after;
    const entity: Entity = {
      from,
      to: from,
      head: Buffer.alloc(0),
      separated: false,
      isMessage,
      signed,
      encoding: undefined,
    };
    this.#header = { entity, lines: [], size: 0, defaultType };
  }

  /** Ends what is being read. */
  #finish(at: 'boundary' | 'end'): void {
    // A message within begins another header.
    while (this.#header !== undefined) this.#endHeader(0);
    if (this.#body === undefined) return;
    const { entity, meter, line } = this.#body;
    this.#body = undefined;
    if ('stage' in entity && entity.stage === 'preamble') meter.fix('a multipart has no parts');
    this.#visitor.body(entity, meter, meter.finish(at), line);
  }

  /** RFC 2046 5.1.2: the boundaries of all that is open count, those further out first. */
  #isBoundary({ bytes, end }: CutLine): boolean {
    for (const [depth, container] of this.#open.entries()) {
      if (container.boundary === undefined || container.stage === 'epilogue') continue;
      const delimiter = `--${container.boundary}`;
      if (bytes.length < delimiter.length || bytes.toString('latin1', 0, delimiter.length) !== delimiter)
        continue;
      const rest = bytes.toString('latin1', delimiter.length, delimiter.length + 100);
      if (bytes.length > delimiter.length + 100 || !/^(?:--)?[ \t]*$/.test(rest)) continue;
      this.#delimit(depth, container, rest.startsWith('--'), bytes.length + end);
      return true;
    }
    return false;
  }

  #delimit(depth: number, container: Container, last: boolean, octets: number): void {
    // A preamble that a part follows is one; what stands alone in a multipart is all that there is to read.
    const preamble = container.stage === 'preamble' && !last && this.#open.length === depth + 1;
    if (preamble) container.stage = 'parts';
    this.#finish('boundary');
    while (this.#open.length > depth + 1) {
      const inner = this.#open.pop();
      if (inner !== undefined) this.#visitor.container(inner);
    }
    if (last) {
      container.stage = 'epilogue';
      this.#prose(container, this.#offset + octets);
    } else this.#begin(false, container.signed, container.childType, octets);
  }

  #prose(container: Container, from: number): void {
    this.#body = { entity: container, meter: new BodyMeter('prose', from), line: this.#lines + 1 };
  }

  #headerLine(line: CutLine): void {
    const header = this.#header;
    if (header === undefined) return;
    const { bytes, end } = line;
    if (line.starts && bytes.length === 0) {
      header.entity.separated = true;
      this.#endHeader(end);
      return;
    }
    // A line that can be no field ends the header, too: what follows is the body, as most readers have it.
    const isField = header.lines.length === 0 ? /^(?:From |[!-9;-~]*:|[ \t])/ : /^(?:[!-9;-~]*:|[ \t])/;
    if (line.starts && !isField.test(bytes.toString('latin1', 0, 1_000))) {
      this.#endHeader(0);
      // It may be the first line of a message within, where the same holds.
      if (this.#header !== undefined) this.#headerLine(line);
      else this.#body?.meter.add(line);
      return;
    }
    header.entity.to += bytes.length + end;
    header.size += bytes.length;
    if (header.size > HEADER_LIMIT) {
      this.#header = undefined;
      this.#body = this.#fixed(header.entity, 'the header of a part has no end', this.#offset);
      return;
    }
    header.lines.push(Buffer.from(bytes));
    if (end > 0 || line.whole) header.lines.push(CRLF);
  }

  #fixed(entity: Entity, why: string, from: number) {
    return { entity, meter: new BodyMeter('fixed', from, why), line: this.#lines };
  }

  /** Decides what the body is; `blank`: octets of the blank line between. */
  #endHeader(blank: number): void {
    const header = this.#header;
    if (header === undefined) return;
    this.#header = undefined;
    const { entity, lines, defaultType } = header;
    entity.head = Buffer.concat(lines);
    this.#visitor.header(entity, this.#lines);
    const fields = parseHeader(entity.head);
    const { type, boundary } = readContentType(fieldValue(fields, 'content-type') ?? defaultType);
    const [encoding] = /^[\w-]+/.exec(fieldValue(fields, 'content-transfer-encoding') ?? '') ?? [];
    entity.encoding = encoding?.toLowerCase();
    entity.signed ||= type === 'multipart/signed' || /^application\/(?:x-)?pkcs7-mime$/.test(type);
    const from = this.#offset + blank;
    const asItIs = /^(?:[78]-?bit|binary)$/.test(entity.encoding ?? '7bit');
    if (this.#open.length >= DEPTH_LIMIT)
      this.#body = this.#fixed(entity, 'its parts are nested too deep', from);
    else if (type.startsWith('multipart/')) this.#multipart(entity, type, boundary, from);
    else if (asItIs && type === 'message/rfc822') {
      this.#open.push(
        Object.assign(entity, { boundary: undefined, stage: 'message' as const, childType: '' }),
      );
      this.#begin(true, entity.signed, 'text/plain', blank);
    } else this.#leaf(entity, type, asItIs, from);
  }

  #multipart(entity: Entity, type: string, boundary: string | undefined, from: number): void {
    if (boundary === undefined) {
      this.#body = this.#fixed(entity, 'a multipart names no boundary', from);
      return;
    }
    const childType = type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    const octets = Buffer.from(boundary, 'utf8').toString('latin1');
    const container = Object.assign(entity, { boundary: octets, stage: 'preamble' as const, childType });
    this.#open.push(container);
    this.#prose(container, from);
  }

  #leaf(entity: Entity, type: string, asItIs: boolean, from: number): void {
    const kind =
      entity.encoding === 'quoted-printable'
        ? 'quoted'
        : entity.encoding === 'base64'
          ? 'base64'
          : !asItIs || (type.startsWith('message/') && !type.startsWith('message/global'))
            ? 'fixed'
            : type.startsWith('text/')
              ? 'text'
              : 'octets';
    const why = asItIs
      ? 'a part has a type of message that may not be encoded'
      : 'a part has an unknown encoding';
    this.#body = { entity, meter: new BodyMeter(kind, from, why), line: this.#lines };
  }
}
