import { decodeBase64Tolerant, encodeBase64 } from '../codec/base64.ts';
import { decodeQuotedPrintable } from '../codec/quoted-printable.ts';
import { decodeCharset } from './charset.ts';

/** The longest encoded word (RFC 2047 2). */
export const WORD_LIMIT = 75;
const OVERHEAD = '=?utf-8?Q??='.length;
/** So many encoded words of one field are decoded; what follows stays as it is. */
const WORDS_LIMIT = 1_000;

/** Whether text can stand in a header field only as encoded words: also when it merely looks like one. */
export function needsEncoding(text: string): boolean {
  return /[^\t\x20-\x7e]|=\?/.test(text);
}

/**
 * Encodes text as words of at most `limit` characters, to be joined by blanks, which readers swallow: blanks of the text are
 * inside. No word is cut inside a character or a combining sequence, save one too long for any word.
 */
export function encodeWords(text: string, limit: number = WORD_LIMIT): string[] {
  const room = limit - OVERHEAD;
  const bytes = Buffer.from(text, 'utf8');
  const quoted = qLength(text) <= (bytes.length * 4) / 3 + 4;
  const words: string[] = [];
  let word = '';
  for (const piece of pieces(text, Math.floor(room / 4) * 3, room)) {
    if (word !== '' && encodedLength(word + piece, quoted) > room) {
      words.push(encodedWord(word, quoted));
      word = '';
    }
    word += piece;
  }
  if (word !== '') words.push(encodedWord(word, quoted));
  return words;
}

function encodedLength(text: string, quoted: boolean): number {
  return quoted ? qLength(text) : Math.ceil(Buffer.byteLength(text) / 3) * 4;
}

function encodedWord(text: string, quoted: boolean): string {
  return quoted ? `=?utf-8?Q?${qEncode(text)}?=` : `=?utf-8?B?${encodeBase64(Buffer.from(text, 'utf8'))}?=`;
}

/** The characters that stand for themselves wherever an encoded word may be (RFC 2047 5 (3)). */
const Q_PLAIN = /[A-Za-z0-9!*+/-]/;

function qLength(text: string): number {
  let length = 0;
  for (const octet of Buffer.from(text, 'utf8')) length += isQPlain(octet) || octet === 0x20 ? 1 : 3;
  return length;
}

function isQPlain(octet: number): boolean {
  return octet < 0x80 && Q_PLAIN.test(String.fromCharCode(octet));
}

function qEncode(text: string): string {
  let encoded = '';
  for (const octet of Buffer.from(text, 'utf8')) {
    if (octet === 0x20) encoded += '_';
    else if (isQPlain(octet)) encoded += String.fromCharCode(octet);
    else encoded += `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Graphemes; one that would not fit into a word by itself comes apart into characters. */
function* pieces(text: string, octets: number, room: number): Generator<string> {
  for (const { segment } of new Intl.Segmenter('und').segment(text)) {
    if (Buffer.byteLength(segment) > octets || qLength(segment) > room) yield* segment;
    else yield segment;
  }
}

const WORD = /=\?([^?\s]{1,60})\?([bq])\?([^?\s]*(?:\?(?!=)[^?\s]*)*)\?=/gi;

/**
 * Text of a header field with its encoded words decoded. Blanks between two words go; neighbours of one charset are joined
 * as octets first, since some mailers cut inside a character. What is no encoded word stays. Never throws.
 */
export function decodeWords(value: string): string {
  let text = '';
  let end = 0;
  let run: { charset: string; bytes: Uint8Array[] } | undefined;
  let count = 0;
  const flush = () => {
    if (run !== undefined) text += decodeCharset(Buffer.concat(run.bytes), run.charset);
    run = undefined;
  };
  for (const match of value.matchAll(WORD)) {
    if (++count > WORDS_LIMIT) break;
    const between = value.slice(end, match.index);
    const charset = (match[1] ?? '').replace(/\*.*$/, '').toLowerCase();
    const bytes = decodeWord(match[2] ?? '', match[3] ?? '');
    if (run !== undefined && /\S/.test(between)) flush();
    if (run === undefined) text += between;
    else if (run.charset !== charset) flush();
    run ??= { charset, bytes: [] };
    run.bytes.push(bytes);
    end = match.index + match[0].length;
  }
  flush();
  return text + value.slice(end);
}

function decodeWord(encoding: string, payload: string): Uint8Array {
  if (encoding.toUpperCase() === 'B') return decodeBase64Tolerant(payload);
  return decodeQuotedPrintable(Buffer.from(payload.replaceAll('_', '=20'), 'latin1'));
}
