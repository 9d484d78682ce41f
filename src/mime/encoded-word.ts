import { decodeBase64Tolerant, encodeBase64 } from '../codec/base64.ts';
import { decodeQuotedPrintable } from '../codec/quoted-printable.ts';
import { decodeLabelled } from './charset.ts';

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
  const graphemes = graphemesOf(text);
  // Q stays readable where most of the text is ASCII, but has less room for one long grapheme (a family of emoji).
  const quoted =
    qLength(text) <= (Buffer.byteLength(text) * 4) / 3 + 4 &&
    graphemes.every((grapheme) => qLength(grapheme) <= room);
  const words: string[] = [];
  let word = '';
  for (const grapheme of graphemes) {
    // One that no word has room for comes apart into characters.
    for (const piece of encodedLength(grapheme, quoted) > room ? grapheme : [grapheme]) {
      if (word !== '' && encodedLength(word + piece, quoted) > room) {
        words.push(encodedWord(word, quoted));
        word = '';
      }
      word += piece;
    }
  }
  if (word !== '') words.push(encodedWord(word, quoted));
  return words;
}

/** So much is segmented at a time: each segment may hold a copy of all the text that it was found in. */
const SEGMENTED = 512;

/** Combining sequences, in order; one that is longer than any word comes in pieces. */
function graphemesOf(text: string): string[] {
  const segmenter = new Intl.Segmenter('und');
  const graphemes: string[] = [];
  for (let at = 0; at < text.length; ) {
    let piece = text.slice(at, at + SEGMENTED);
    const isLast = at + piece.length === text.length;
    // A surrogate pair is never cut, not even in a sequence without an end.
    if (!isLast && /[\ud800-\udbff]$/.test(piece)) piece = piece.slice(0, -1);
    const found = Array.from(segmenter.segment(piece), ({ segment }) => segment);
    // The last one may go on behind the piece.
    if (!isLast && found.length > 1) found.pop();
    for (const grapheme of found) {
      graphemes.push(grapheme);
      at += grapheme.length;
    }
  }
  return graphemes;
}

function encodedLength(text: string, quoted: boolean): number {
  return quoted ? qLength(text) : Math.ceil(Buffer.byteLength(text) / 3) * 4;
}

function encodedWord(text: string, quoted: boolean): string {
  return quoted ? `=?utf-8?Q?${qEncode(text)}?=` : `=?utf-8?B?${encodeBase64(Buffer.from(text, 'utf8'))}?=`;
}

/** Octets that stand for themselves wherever an encoded word may be (RFC 2047 5 (3)); the blank becomes `_`. */
const Q_PLAIN = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+/-', 'latin1'),
);

function qLength(text: string): number {
  let length = 0;
  for (const octet of Buffer.from(text, 'utf8')) length += Q_PLAIN.has(octet) || octet === 0x20 ? 1 : 3;
  return length;
}

function qEncode(text: string): string {
  let encoded = '';
  for (const octet of Buffer.from(text, 'utf8')) {
    if (octet === 0x20) encoded += '_';
    else if (Q_PLAIN.has(octet)) encoded += String.fromCharCode(octet);
    else encoded += `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** What begins an encoded word: its charset, perhaps with a language (RFC 2231 5), and its encoding. */
const WORD_START = /=\?([^?\s]{1,60})\?([bq])\?/giy;

/** A place that only moves forward, so that looking for it again and again walks the text once. */
function forward(find: (from: number) => number): (from: number) => number {
  let place = -1;
  return (from) => {
    if (place < from) {
      const found = find(from);
      place = found === -1 ? Number.POSITIVE_INFINITY : found;
    }
    return place;
  };
}

/** The encoded words of a text, in order. Blanks end a word that has not been closed. Linear in the text. */
function* wordsIn(
  value: string,
): Generator<{ start: number; end: number; charset: string; bytes: Uint8Array }> {
  const nextClose = forward((from) => value.indexOf('?=', from));
  const blank = /\s/g;
  const nextBlank = forward((from) => {
    blank.lastIndex = from;
    return blank.exec(value)?.index ?? -1;
  });
  for (let at = value.indexOf('=?'); at !== -1; at = value.indexOf('=?', at)) {
    WORD_START.lastIndex = at;
    const match = WORD_START.exec(value);
    const from = match === null ? at : at + match[0].length;
    const close = match === null ? Number.POSITIVE_INFINITY : nextClose(from);
    if (match === null || close > nextBlank(from) || close === Number.POSITIVE_INFINITY) {
      at += 2;
      continue;
    }
    const charset = (match[1] ?? '').replace(/\*.*$/, '').toLowerCase();
    yield { start: at, end: close + 2, charset, bytes: decodeWord(match[2] ?? '', value.slice(from, close)) };
    at = close + 2;
  }
}

/**
 * Text of a header field with its encoded words decoded. Blanks between two words go; neighbours of one charset are joined
 * as octets first, since some mailers cut inside a character. What is no encoded word stays. Never throws. `warn` is told of
 * charsets that had to be guessed.
 */
export function decodeWords(value: string, warn?: (warning: string) => void): string {
  let text = '';
  let end = 0;
  let run: { charset: string; bytes: Uint8Array[] } | undefined;
  let count = 0;
  const flush = () => {
    if (run !== undefined) {
      const { text: decoded, guessed } = decodeLabelled(Buffer.concat(run.bytes), run.charset);
      text += decoded;
      if (guessed) warn?.('an encoded word is not in the charset that it names, or that is unknown: guessed');
    }
    run = undefined;
  };
  for (const word of wordsIn(value)) {
    if (++count > WORDS_LIMIT) {
      warn?.(`a field has more than ${WORDS_LIMIT} encoded words: the rest is not decoded`);
      break;
    }
    const between = value.slice(end, word.start);
    if (run === undefined || /\S/.test(between)) {
      flush();
      text += between;
    } else if (run.charset !== word.charset) {
      flush();
    }
    run ??= { charset: word.charset, bytes: [] };
    run.bytes.push(word.bytes);
    end = word.end;
  }
  flush();
  return text + value.slice(end);
}

function decodeWord(encoding: string, payload: string): Uint8Array {
  if (encoding.toUpperCase() === 'B') return decodeBase64Tolerant(payload);
  return decodeQuotedPrintable(Buffer.from(payload.replaceAll('_', '=20'), 'latin1'));
}
