import { DataError } from '../errors.ts';

/** RFC 3454 table B.1: these vanish. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each code point stands for itself
const NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
/** Table C.1.2: these become a space. */
const SPACES = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;
/** Tables C.2.1 to C.9: controls, private use, non-characters, surrogates, and what changes the display. */
const PROHIBITED =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each code point stands for itself
  /[\0-\x1f\x7f-\x9f\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]|\p{Co}|\p{Cs}|\p{Noncharacter_Code_Point}/u;
/** The letters that are written from right to left (table D.1, by script). */
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/**
 * Prepares a user name or password for comparison (SASLprep, RFC 4013): equal texts that were typed in different ways
 * become equal octets. `DataError` for text that cannot be one; its message does not repeat the text.
 */
export function saslprep(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const prepared = text.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  if (PROHIBITED.test(prepared)) {
    throw new DataError('a character in the user name or password cannot be part of one (RFC 4013)', {
      stage: 'auth',
    });
  }
  if (RIGHT_TO_LEFT.test(prepared)) {
    const letters = [...prepared];
    const mixed = letters.some((letter) => /\p{L}/u.test(letter) && !RIGHT_TO_LEFT.test(letter));
    const bounded = RIGHT_TO_LEFT.test(letters[0] ?? '') && RIGHT_TO_LEFT.test(letters.at(-1) ?? '');
    if (mixed || !bounded) {
      throw new DataError(
        'the user name or password mixes writing directions in a way that RFC 4013 forbids',
        {
          stage: 'auth',
        },
      );
    }
  }
  return prepared;
}
