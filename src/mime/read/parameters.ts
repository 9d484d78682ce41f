import { decodeCharset } from '../charset.ts';
import { decodeWords } from '../encoded-word.ts';

/** A field with parameters (RFC 2045 5.1, RFC 2183 2), read as far as it can be. */
export interface Parameterised {
  /** What stands before the parameters, in small letters. */
  readonly value: string;
  /** By name in small letters, decoded (RFC 2231); the first of several of one name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What is longer is cut. */
const VALUE_LIMIT = 64 * 1024;
/** So many parameters, and pieces of them, are looked at. */
const PIECES_LIMIT = 1_000;

/** One piece of a parameter that was cut (RFC 2231 3). */
interface Piece {
  readonly index: number;
  readonly extended: boolean;
  readonly value: string;
}

/** Reads a field's value. Never throws; what is no parameter is passed over. */
export function readParameters(field: string): Parameterised {
  const text = field.slice(0, VALUE_LIMIT);
  const scanner = new Scanner(text);
  const value = scanner.until(';').trim().toLowerCase();
  const plain = new Map<string, string>();
  const pieces = new Map<string, Piece[]>();
  for (let count = 0; count < PIECES_LIMIT && scanner.pass(';'); count++) {
    const name = scanner.until(';=').trim().toLowerCase();
    const content = scanner.pass('=') ? scanner.value() : '';
    if (name === '') continue;
    const { base, index, extended } = splitName(name);
    if (index === undefined && !extended) {
      if (!plain.has(base)) plain.set(base, content);
      continue;
    }
    const known = pieces.get(base) ?? [];
    if (known.length === 0) pieces.set(base, known);
    known.push({ index: index ?? -1, extended, value: content });
  }
  const parameters = new Map<string, string>();
  for (const [name, content] of plain) parameters.set(name, decodeWords(content));
  for (const [name, known] of pieces) parameters.set(name, joined(known));
  return { value, parameters };
}

/** `name*1*` is the second piece of `name`, with octets in percent signs. */
function splitName(name: string): { base: string; index: number | undefined; extended: boolean } {
  const extended = name.endsWith('*');
  const bare = extended ? name.slice(0, -1) : name;
  const star = bare.lastIndexOf('*');
  const digits = star === -1 ? '' : bare.slice(star + 1);
  if (!/^\d{1,6}$/.test(digits)) return { base: bare, index: undefined, extended };
  return { base: bare.slice(0, star), index: Number(digits), extended };
}

/** The pieces in their order; those without a number are whole, and better than pieces. */
function joined(known: readonly Piece[]): string {
  const whole = known.find(({ index }) => index === -1);
  const pieces = whole === undefined ? [...known].sort((a, b) => a.index - b.index) : [whole];
  if (pieces.every(({ extended }) => !extended))
    return decodeWords(
      unrepeated(pieces)
        .map(({ value }) => value)
        .join(''),
    );
  let text = '';
  let octets: Buffer[] = [];
  let charset = '';
  // Octets of neighbours are joined first: a character may be cut.
  const flush = () => {
    text += decodeCharset(Buffer.concat(octets), charset);
    octets = [];
  };
  for (const [at, { extended, value }] of unrepeated(pieces).entries()) {
    if (!extended) {
      flush();
      text += value;
      continue;
    }
    const first = at === 0 ? value.indexOf("'") : -1;
    const second = first === -1 ? -1 : value.indexOf("'", first + 1);
    if (second !== -1) charset = value.slice(0, first);
    octets.push(percentDecoded(value.slice(second + 1)));
  }
  flush();
  return text;
}

function unrepeated(pieces: readonly Piece[]): Piece[] {
  return pieces.filter(({ index }, at) => at === 0 || pieces[at - 1]?.index !== index);
}

function percentDecoded(value: string): Buffer {
  const source = Buffer.from(value, 'utf8');
  const out = Buffer.allocUnsafe(source.length);
  let to = 0;
  for (let at = 0; at < source.length; at++) {
    const hex = source[at] === 0x25 ? source.toString('latin1', at + 1, at + 3) : '';
    if (/^[\da-f]{2}$/i.test(hex)) {
      out[to++] = Number.parseInt(hex, 16);
      at += 2;
    } else out[to++] = source[at] as number;
  }
  return out.subarray(0, to);
}

/** Walks a field once, from its beginning to its end. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Passes the character if it comes next. */
  pass(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** What stands before the first of those characters, comments left out (RFC 5322 3.2.2). */
  until(ends: string): string {
    let found = '';
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at);
      if (ends.includes(character)) break;
      if (character === '(') this.#comment();
      else {
        found += character;
        this.#at++;
      }
    }
    return found;
  }

  /** The value of a parameter; what follows a quoted one, up to the next semicolon, is nobody's. */
  value(): string {
    while (' \t'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
    if (this.#text[this.#at] !== '"') {
      const from = this.#at;
      while (this.#at < this.#text.length && this.#text[this.#at] !== ';') {
        // A comment stands behind a blank; brackets within a token are often part of a file name.
        if (this.#text[this.#at] === '(' && ' \t'.includes(this.#text[this.#at - 1] ?? 'x')) break;
        this.#at++;
      }
      const token = this.#text.slice(from, this.#at).trim();
      this.until(';');
      return token;
    }
    const quoted = this.#quoted();
    this.until(';');
    return quoted;
  }

  #quoted(): string {
    let found = '';
    const from = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text.charAt(this.#at);
      if (character === '"') {
        this.#at++;
        return found;
      }
      // A backslash of a Windows path is no escape.
      if (character === '\\' && '"\\'.includes(this.#text[this.#at + 1] ?? 'x')) this.#at++;
      found += this.#text.charAt(this.#at);
    }
    // A quote that does not end is none.
    this.#at = from;
    return this.until(';').trim();
  }

  #comment(): void {
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '\\') this.#at++;
      else if (character === '(') depth++;
      else if (character === ')' && --depth === 0) {
        this.#at++;
        return;
      }
    }
  }
}
