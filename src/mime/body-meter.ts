import { base64LinesSize } from '../codec/base64.ts';
import { encodeQuotedPrintable } from '../codec/quoted-printable.ts';
import { type CutLine, LINE_PIECE } from './line-cutter.ts';
import {
  base64Octets,
  base64Text,
  type Ending,
  mendBase64,
  mendedBase64Size,
  mendQuoted,
  QuotedMender,
  quotedPrintable,
  type Recoding,
} from './recode.ts';
import { LONGEST_LINE } from './survey.ts';

/**
 * What a body is to somebody who writes it anew: lines of text, octets, quoted-printable or base64 already, prose that no
 * reader shows (around the parts of a multipart), or `fixed`: nothing else may be made of it.
 */
export type BodyKind = 'text' | 'octets' | 'quoted' | 'base64' | 'prose' | 'fixed';

/** A body that was read to its end. */
export interface Measured {
  readonly eightBit: boolean;
  /** Whether a line is longer than 998 octets, or holds a NUL. */
  readonly unsendable: boolean;
  /** Where it ends in the source, and how it does there. */
  readonly to: number;
  /** Octets with CRLF line ends, the last of the message included. */
  readonly size: number;
}

/** A body as it will be: with another encoding, or the one it has, if `encoding` is absent. */
export interface Recoded {
  readonly encoding: 'quoted-printable' | 'base64' | undefined;
  /** Octets, exact. */
  readonly size: number;
  readonly recoding: Recoding;
}

/** Measures one body, line by line: as it is, and as it would be. */
export class BodyMeter {
  readonly from: number;
  #kind: BodyKind;
  #why: string;
  readonly #mender = new QuotedMender();
  #to: number;
  #size = 0;
  /** The line end before what comes next: it may belong to a boundary. */
  #lineEnd = 0;
  #open = false;
  #bits = 0;
  #nul = false;
  #line = 0;
  #longest = 0;
  /** Octets that make text unreadable in quoted-printable. */
  #encoded = 0;
  /** Octets of the form that depends on each line: quoted-printable, mended or not. */
  #quotedSize = 0;
  #kept = 0;
  #ending: Ending = 'open';

  constructor(kind: BodyKind, from: number, why = '') {
    this.from = from;
    this.#to = from;
    this.#kind = kind;
    this.#why = why;
  }

  /** Whether its last line so far has an end. */
  get isEnded(): boolean {
    return !this.#open;
  }

  get kind(): BodyKind {
    return this.#kind;
  }

  /** Why a `fixed` body is so. */
  get why(): string {
    return this.#why;
  }

  /** Makes it `fixed` after all. */
  fix(why: string): void {
    this.#kind = 'fixed';
    this.#why = why;
  }

  add(line: CutLine): void {
    const { bytes, starts } = line;
    this.#endLine();
    if (starts) this.#line = 0;
    this.#line += bytes.length;
    if (this.#line > this.#longest) this.#longest = this.#line;
    this.#to += bytes.length;
    this.#size += bytes.length;
    this.#lineEnd = line.end;
    this.#open = line.end === 0;
    this.#count(bytes);
    if (this.kind === 'quoted' || this.kind === 'prose') this.#quotedSize += this.#mender.mend(line).length;
    else if (this.kind === 'text' && this.#longest <= LINE_PIECE)
      this.#quotedSize += encodeQuotedPrintable(bytes).length;
  }

  #endLine(): void {
    if (this.#lineEnd === 0) return;
    this.#to += this.#lineEnd;
    this.#size += 2;
    this.#quotedSize += 2;
    this.#lineEnd = 0;
  }

  #count(bytes: Uint8Array): void {
    let bits = 0;
    let encoded = 0;
    let blank = 0;
    for (let at = 0; at < bytes.length; at++) {
      const octet = bytes[at] as number;
      bits |= octet;
      if (octet > 0x20 && octet < 0x7f) continue;
      if (octet === 0x20 || octet === 0x09) blank++;
      else encoded++;
      if (octet === 0) this.#nul = true;
    }
    this.#bits |= bits;
    this.#encoded += encoded;
    this.#kept += bytes.length - blank - encoded;
  }

  /** Ends it: at a boundary, to which the last line end belongs, or with the message. */
  finish(at: 'boundary' | 'end'): Measured {
    const added = at === 'end' && this.#open ? 2 : 0;
    if (at === 'end') this.#endLine();
    // CR CR LF: two octets are the boundary's line end.
    else if (this.#lineEnd === 3 && this.#isOctets) this.#to++;
    if (added > 0) this.#ending = 'ended';
    this.#quotedSize += added;
    return {
      eightBit: this.#bits > 127,
      unsendable: this.#nul || this.#longest > LONGEST_LINE,
      to: this.#to,
      size: this.#size + added,
    };
  }

  /** Text with a NUL is in a charset whose line ends are other octets. */
  get #isOctets(): boolean {
    return this.#kind === 'octets' || (this.#kind === 'text' && this.#nul);
  }

  /** The form in 7-bit lines; undefined for what is fixed. */
  recoded(): Recoded | undefined {
    const ending = this.#ending;
    switch (this.kind) {
      case 'fixed':
        return undefined;
      case 'quoted':
      case 'prose':
        return { encoding: undefined, size: this.#quotedSize, recoding: mendQuoted(ending) };
      case 'base64':
        return { encoding: undefined, size: mendedBase64Size(this.#kept), recoding: mendBase64 };
      case 'text':
        if (!this.#isOctets) return this.#recodedText(ending);
    }
    const size = base64LinesSize(this.#to - this.from);
    return { encoding: 'base64', size, recoding: base64Octets };
  }

  #recodedText(ending: Ending): Recoded {
    const readable = this.#encoded * 6 <= this.#size && this.#longest <= LINE_PIECE;
    return readable
      ? { encoding: 'quoted-printable', size: this.#quotedSize, recoding: quotedPrintable(ending) }
      : { encoding: 'base64', size: base64LinesSize(this.#size), recoding: base64Text };
  }
}
