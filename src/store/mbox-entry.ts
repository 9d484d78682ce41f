const CR = 0x0d;
const LF = 0x0a;
const GREATER = 0x3e;
const FROM = Buffer.from('From ', 'latin1');

/** Makes a message what a file of some kind holds, chunk by chunk; `end` gives what was held back. */
export interface Transform {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export const AS_IT_IS: Transform = { push: (chunk) => chunk, end: () => new Uint8Array() };

/**
 * CRLF becomes LF, as RFC 4155 has it: mbox readers on Unix look for `\nFrom `, and show a CR as part of the text. A CR by
 * itself stays.
 */
export class LfLines implements Transform {
  #heldCr = false;

  push(chunk: Uint8Array): Uint8Array {
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let at = 0;
    let start = 0;
    const copy = (end: number) => {
      out.set(chunk.subarray(start, end), at);
      at += end - start;
    };
    if (this.#heldCr && chunk.length > 0) {
      this.#heldCr = false;
      if (chunk[0] !== LF) out[at++] = CR;
    }
    for (let cr = chunk.indexOf(CR); cr !== -1; cr = chunk.indexOf(CR, cr + 1)) {
      if (cr === chunk.length - 1) {
        this.#heldCr = true;
        copy(cr);
        start = chunk.length;
      } else if (chunk[cr + 1] === LF) {
        copy(cr);
        start = cr + 1;
      }
    }
    copy(chunk.length);
    return out.subarray(0, at);
  }

  end(): Uint8Array {
    const rest = this.#heldCr ? Uint8Array.of(CR) : new Uint8Array();
    this.#heldCr = false;
    return rest;
  }
}

/**
 * One message of an mbox (RFC 4155, in the `mboxrd` way): a line that says where it begins, LF lines, `>` before every
 * `>*From ` at the start of a line, and an empty line after it.
 */
export class MboxEntry implements Transform {
  readonly #lines = new LfLines();
  readonly #separator: string;
  #begun = false;
  #lineStart = true;
  /** `>`s and the beginning of `From ` at the start of a line, until it is known whether it is one. */
  #held = Buffer.alloc(0);

  /** `sender` is an address; what has blanks or is not ASCII would not be read as one. */
  constructor(at: Date, sender = '') {
    const from = /^[\x21-\x7e]{1,320}$/.test(sender) ? sender : 'MAILER-DAEMON';
    this.#separator = `From ${from} ${asctime(at)}\n`;
  }

  push(chunk: Uint8Array): Uint8Array {
    return Buffer.concat([this.#begin(), ...this.#quote(this.#lines.push(chunk))]);
  }

  end(): Uint8Array {
    const last = [this.#begin(), ...this.#quote(this.#lines.end()), this.#held];
    const open = this.#held.length > 0 || !this.#lineStart;
    this.#held = Buffer.alloc(0);
    return Buffer.concat([...last, Buffer.from(open ? '\n\n' : '\n')]);
  }

  #begin(): Buffer {
    if (this.#begun) return Buffer.alloc(0);
    this.#begun = true;
    return Buffer.from(this.#separator, 'latin1');
  }

  #quote(fresh: Uint8Array): Uint8Array[] {
    const text = this.#held.length === 0 ? Buffer.from(fresh) : Buffer.concat([this.#held, fresh]);
    this.#held = Buffer.alloc(0);
    const pieces: Uint8Array[] = [];
    let start = 0;
    for (let line = 0; line < text.length; ) {
      if (this.#lineStart) {
        const verdict = fromLine(text, line);
        if (verdict === 'unknown') {
          pieces.push(text.subarray(start, line));
          this.#held = text.subarray(line);
          return pieces;
        }
        if (verdict === 'yes') {
          pieces.push(text.subarray(start, line), Uint8Array.of(GREATER));
          start = line;
        }
      }
      const end = text.indexOf(LF, line);
      this.#lineStart = end !== -1;
      line = end === -1 ? text.length : end + 1;
    }
    pieces.push(text.subarray(start));
    return pieces;
  }
}

/** More `>`s than this before a `From ` are no quoting of ours, and need none. */
const MOST_QUOTES = 1_000;

function fromLine(text: Buffer, at: number): 'yes' | 'no' | 'unknown' {
  let word = at;
  while (word < text.length && text[word] === GREATER) word++;
  if (word - at > MOST_QUOTES) return 'no';
  const there = text.subarray(word, word + FROM.length);
  if (!FROM.subarray(0, there.length).equals(there)) return 'no';
  return there.length === FROM.length ? 'yes' : 'unknown';
}

/** `Sat Nov  1 06:00:00 2026`, in UTC as RFC 4155 asks. */
export function asctime(at: Date): string {
  const [weekday, day, month, year, time] = at.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

/** A message as the mbox has it, with the sender that the delivering server noted (RFC 5321 4.4). */
export async function* mboxEntry(message: AsyncIterable<Uint8Array>, at: Date): AsyncGenerator<Uint8Array> {
  let entry: MboxEntry | undefined;
  let head = Buffer.alloc(0);
  for await (const chunk of message) {
    if (entry === undefined) {
      // A chunk is only good until the next is asked for.
      head = Buffer.concat([head, chunk]);
      if (head.length < HEAD) continue;
      entry = new MboxEntry(at, returnPath(head));
      yield entry.push(head);
    } else {
      yield entry.push(chunk);
    }
  }
  if (entry === undefined) {
    entry = new MboxEntry(at, returnPath(head));
    yield entry.push(head);
  }
  yield entry.end();
}

/** A Return-Path is the first line of a header, where there is one. */
const HEAD = 400;

function returnPath(head: Buffer): string | undefined {
  return /^Return-Path:[ \t]*<([^<>\r\n]{1,320})>/i.exec(head.toString('latin1', 0, HEAD))?.[1];
}
