import { DataError } from '../errors.ts';
import { encodeWords, needsEncoding, WORD_LIMIT } from './encoded-word.ts';

/** RFC 5322 2.1.1: a line should have at most 78 characters, and must have at most 998. */
const FOLD_AT = 78;
const LINE_LIMIT = 998;
/** An ASCII word that is longer than this has to be cut, which only encoding can. */
const WORD_TOO_LONG = 900;

/** Refuses what would end a line, wherever the text is used: it is never cleaned, since that would hide an attack. */
export function checkText(what: string, text: string): void {
  if (/[\r\n\0]/.test(text)) {
    throw new DataError(`${what} holds a line break or NUL: ${JSON.stringify(text.slice(0, 80))}`, {
      stage: 'compose',
      hint: 'it has to be one line of text',
    });
  }
}

/** Refuses what cannot be the name of a header field (RFC 5322 2.2). */
export function checkFieldName(name: string): void {
  if (/^[!-9;-~]{1,76}$/.test(name)) return;
  throw new DataError(`not the name of a header field: ${JSON.stringify(name.slice(0, 80))}`, {
    stage: 'compose',
    hint: 'a name is made of visible ASCII characters other than the colon',
  });
}

/**
 * One header field as lines that end in CRLF. A line break may come before each token, and comes where a line would pass 78
 * characters.
 */
export function field(name: string, tokens: readonly string[]): string {
  let text = `${name}:`;
  let column = text.length;
  let first = true;
  for (const token of tokens) {
    const octets = Buffer.byteLength(token);
    const fits = column + 1 + octets <= FOLD_AT;
    // A field whose first line is empty is legal, and worth it only where it brings the token under the limit.
    const fold = !fits && (!first || octets < FOLD_AT);
    if (fold) {
      text += '\r\n';
      column = 0;
    }
    text += ` ${token}`;
    column += 1 + octets;
    if (column > LINE_LIMIT) {
      throw new DataError(
        `the header field ${name} has a part that fits on no line: ${token.slice(0, 60)}...`,
        {
          stage: 'compose',
          hint: `a line of a message has at most ${LINE_LIMIT} characters`,
        },
      );
    }
    first = false;
  }
  return `${text}\r\n`;
}

/** A field of free text, with encoded words for what is not ASCII. */
export function textField(name: string, text: string): string {
  checkText(name, text);
  return field(name, textTokens(text, wordLimit(name)));
}

/** How long encoded words may be for the first of them to fit beside the field's name. */
export function wordLimit(name: string): number {
  return Math.max(40, Math.min(WORD_LIMIT, FOLD_AT - name.length - 2));
}

/**
 * Free text as tokens to join by blanks. From the first to the last word that needs it, all is encoded; so are blanks beside
 * others or at an end, together with the word next to them, since nothing else keeps them.
 */
export function textTokens(text: string, limit: number = WORD_LIMIT): string[] {
  const words = text.split(' ');
  const encode = (word: string) =>
    word === '' || needsEncoding(word) || word.includes('\t') || word.length > WORD_TOO_LONG;
  let first = text === '' ? -1 : words.findIndex(encode);
  if (first === -1) return words;
  let last = words.findLastIndex(encode);
  if (words[first] === '' && first > 0) first--;
  if (words[last] === '' && last < words.length - 1) last++;
  return [
    ...words.slice(0, first),
    ...encodeWords(words.slice(first, last + 1).join(' '), limit),
    ...words.slice(last + 1),
  ];
}
