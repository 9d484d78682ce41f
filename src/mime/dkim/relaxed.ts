/** The `relaxed` canonical forms of DKIM (RFC 6376 3.4): what relays do to blanks and line ends does not touch them. */

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** A header field, its octets as characters, in relaxed form (RFC 6376 3.4.2), without its last line end. */
export function relaxedField(field: string): string {
  const line = field.replaceAll('\r\n', '').replace(/[ \t]+/g, ' ');
  const colon = line.indexOf(':');
  return `${withoutBlanks(line.slice(0, colon)).toLowerCase()}:${withoutBlanks(line.slice(colon + 1))}`;
}

/** Of the blanks alone: to `trim` an octet of another charset is one, too. */
function withoutBlanks(text: string): string {
  return text.slice(text.startsWith(' ') ? 1 : 0, text.endsWith(' ') && text.length > 1 ? -1 : undefined);
}

const LINE_ENDS = Buffer.from('\r\n'.repeat(1024), 'latin1');

/**
 * A body with CRLF line ends in relaxed form (RFC 6376 3.4.4), piece by piece: runs of blanks are one, those at the end of
 * a line are none, and neither are empty lines at the end. A piece is only good until the sink returns.
 */
export class RelaxedBody {
  readonly #sink: (octets: Uint8Array) => void;
  #isEmpty = true;
  /** What is text only if text follows: line ends, then blanks, then a CR. */
  #lines = 0;
  #blank = false;
  #cr = false;
  #out = Buffer.alloc(0);

  constructor(sink: (octets: Uint8Array) => void) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (!this.#blank && !this.#cr && isRelaxed(chunk)) this.#pass(chunk);
    else this.#relax(chunk);
  }

  finish(): void {
    if (this.#cr) this.#write(Uint8Array.from(this.#blank ? [SPACE, CR] : [CR]));
    if (!this.#isEmpty) this.#sink(LINE_ENDS.subarray(0, 2));
  }

  /** What is in its form already, but perhaps for the line ends behind it. */
  #pass(chunk: Uint8Array): void {
    let end = chunk.length;
    while (end > 0 && chunk[end - 1] === LF) end -= 2;
    if (end > 0) this.#write(chunk.subarray(0, end));
    this.#lines += (chunk.length - end) / 2;
  }

  #write(octets: Uint8Array): void {
    for (; this.#lines > 0; this.#lines -= Math.min(this.#lines, LINE_ENDS.length / 2))
      this.#sink(LINE_ENDS.subarray(0, this.#lines * 2));
    this.#isEmpty = false;
    this.#sink(octets);
  }

  #relax(chunk: Uint8Array): void {
    // One blank and one CR may come from before.
    if (this.#out.length < chunk.length + 2) this.#out = Buffer.allocUnsafe(chunk.length + 2);
    const out = this.#out;
    let at = 0;
    let lines = 0;
    const put = (octet: number) => {
      // Those that came first, or before this chunk, leave by #write.
      if (at === 0) this.#lines += lines;
      else for (; lines > 0; lines--) at = out.writeUInt16BE(0x0d0a, at);
      lines = 0;
      if (this.#blank) out[at++] = SPACE;
      this.#blank = false;
      out[at++] = octet;
    };
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index] as number;
      if (this.#cr) {
        this.#cr = false;
        if (octet === LF) {
          lines++;
          this.#blank = false;
          continue;
        }
        put(CR);
      }
      if (octet === CR) this.#cr = true;
      else if (octet === SPACE || octet === TAB) this.#blank = true;
      else put(octet);
    }
    if (at > 0) this.#write(out.subarray(0, at));
    this.#lines += lines;
  }
}

/** Whether there is nothing to do but for line ends behind it: every CR has its LF in the chunk, every blank text. */
function isRelaxed(chunk: Uint8Array): boolean {
  const { length } = chunk;
  for (let at = 0; at < length; at++) {
    const octet = chunk[at] as number;
    if (octet > SPACE) continue;
    if (octet === CR) {
      if (chunk[++at] !== LF) return false;
    } else if (octet === LF || octet === TAB) return false;
    else if (octet === SPACE && !((chunk[at + 1] ?? SPACE) > SPACE)) return false;
  }
  return true;
}
