/**
 * How a stored message looks on the wire of POP3: every line ends in CRLF, a line that begins with a dot gets
 * another one in front, and a line of a single dot closes the block (RFC 1939 3). Written here once more, apart
 * from the client's code, so that the two can be held against each other.
 */

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const CRLF = Buffer.from('\r\n');
const END = Buffer.from('.\r\n');

/** Counts the octets of a message with all its lines ending in CRLF, as LIST has to state them (RFC 1939 11). */
export class OctetCounter {
  #octets = 0;
  #last = LF;

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#octets += bytes.length;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
      const before = at === 0 ? this.#last : bytes[at - 1];
      if (before !== CR) this.#octets += 1;
    }
    this.#last = bytes.at(-1) ?? this.#last;
  }

  /** The count so far, with the CRLF that a last line without one is given. */
  get octets(): number {
    return this.#octets === 0 || this.#last === LF ? this.#octets : this.#octets + 2;
  }
}

/**
 * The multi-line block of RETR, or of TOP when `bodyLines` is given: the header, the empty line and that many lines
 * of the body. The closing line is part of it. Chunks are about as large as those that come in.
 */
export async function* block(
  source: AsyncIterable<Uint8Array>,
  bodyLines: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  let last = LF;
  let length = 0; // of the current line so far, without its ending
  let inBody = false;
  let left = bodyLines;
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const pieces: Buffer[] = [];
    let from = 0;
    while (from < bytes.length && !(inBody && left === 0)) {
      const found = bytes.indexOf(LF, from);
      const to = found === -1 ? bytes.length : found;
      if (last === LF && bytes[from] === DOT) pieces.push(Buffer.of(DOT));
      const line = bytes.subarray(from, to);
      length += line.length;
      last = line.at(-1) ?? last;
      if (found === -1) {
        pieces.push(line);
        break;
      }
      const carriageReturn = length > 0 && last === CR;
      pieces.push(line, carriageReturn ? bytes.subarray(found, found + 1) : CRLF);
      if (inBody) left -= 1;
      else if (length === (carriageReturn ? 1 : 0)) inBody = true;
      last = LF;
      length = 0;
      from = found + 1;
    }
    if (pieces.length > 0) yield Buffer.concat(pieces);
    if (inBody && left === 0) break;
  }
  yield last === LF ? END : Buffer.concat([CRLF, END]);
}
