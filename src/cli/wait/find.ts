import { UsageError } from '../../errors.ts';
import type { ReadMessage } from '../../mime/read/index.ts';
import { patternOf } from '../filter.ts';

/** What was looked for in a message: the first that is there, and whether there are others. */
export interface Finding {
  readonly value: string;
  readonly others: number;
}

export type Finder = (message: ReadMessage) => Finding | undefined;

/** So many characters of a text are looked at, and so many of a link: the rest of a hostile one is nobody's loss. */
export const TEXT_LOOKED_AT = 256 * 1024;
const LINK_LOOKED_AT = 4_096;
const LINKS_LOOKED_AT = 10_000;
/** Others are counted up to this. */
const ENOUGH = 100;

/** What may stand before and after the six digits: they are no part of a longer number, a word or an address. */
const BEFORE = String.raw`(?<![\w/=?&#%]|\d[.,-])`;
const AFTER = String.raw`(?![\w/=&%]|[.,-]\d)`;
/** Nor the end of a telephone number: +49 30 123456, (030) 123456. */
const NO_TELEPHONE = String.raw`(?<!\+\d[\d\s()/.-]{0,15}|(?<![\w:.,/-])0\d{1,5}\)?[\s/-]{1,3})`;
const USUAL_CODE = new RegExp(String.raw`${BEFORE}${NO_TELEPHONE}\d{6}${AFTER}`, 'g');
/** In two groups of three, or digit by digit, as cells of a table are read. */
const SPLIT_CODE = new RegExp(
  String.raw`${BEFORE}(?<!\d\s{1,4})(?:\d{3}(?: ?\p{Pd} ?|\p{Zs})\d{3}|\d(?:[\s-]{1,4}\d){5})${AFTER}(?!\s{1,4}\d)`,
  'gu',
);

/** The http and https links whose URL or text has the pattern in it; all of them where there is none. */
export function linkFinder(pattern: string | undefined): Finder {
  const matches = pattern === undefined ? () => true : patternOf('--link', pattern);
  return ({ links }) => {
    const urls = links
      .slice(0, LINKS_LOOKED_AT)
      .filter(
        ({ url, text }) => isWeb(url) && [url, text].some((one) => matches(one.slice(0, LINK_LOOKED_AT))),
      )
      .map(({ url }) => safeUrl(url));
    return findingOf(urls);
  };
}

/**
 * What the expression, or its first group, matches in the text and then in the subject; without an expression six digits, in
 * whatever script, and those that are written in groups only after those that are not.
 */
export function codeFinder(expression: string | undefined): Finder {
  const compiled = expression === undefined ? undefined : compile(expression);
  return ({ text, subject }) => {
    const places = [text, subject ?? ''].map((place) => place.slice(0, TEXT_LOOKED_AT));
    if (compiled !== undefined) return findingOf(places.flatMap((place) => codesIn(place, compiled)));
    const digits = places.map(asciiDigits);
    const split = digits.flatMap((place) => codesIn(place, SPLIT_CODE));
    return findingOf([
      ...digits.flatMap((place) => codesIn(place, USUAL_CODE)),
      ...split.map((code) => code.replace(/\D/g, '')),
    ]);
  };
}

function codesIn(text: string, expression: RegExp): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(expression)) {
    const code = match[1] ?? match[0];
    if (code !== '') found.push(code);
    if (found.length >= ENOUGH) break;
  }
  return found;
}

/** The zeros of Arabic, Persian, Devanagari and full-width digits. */
const ZEROS = [0x660, 0x6f0, 0x966, 0xff10];

function asciiDigits(text: string): string {
  return text.replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19]/g, (digit) => {
    const code = digit.charCodeAt(0);
    return String(ZEROS.map((zero) => code - zero).find((value) => value >= 0 && value <= 9) ?? '');
  });
}

/** `--body`: whether the text has the pattern in it. */
export function bodyTest(pattern: string): (message: ReadMessage) => boolean {
  const matches = patternOf('--body', pattern);
  return ({ text }) => matches(text.slice(0, TEXT_LOOKED_AT));
}

function findingOf(values: readonly string[]): Finding | undefined {
  const [first, ...others] = new Set(values);
  return first === undefined ? undefined : { value: first, others: others.length };
}

function compile(text: string): RegExp {
  const [, source = text, flags = ''] = /^\/(.+)\/([isu]{0,3})$/s.exec(text) ?? [];
  try {
    if (source === '') throw new SyntaxError('empty');
    return new RegExp(source, `g${flags}`);
  } catch {
    throw new UsageError(`--code ${JSON.stringify(text)} is no regular expression`);
  }
}

function isWeb(url: string): boolean {
  return /^https?:\/\//i.test(url);
}

/** The same URL without what could end its line, hide a part of it or be a command to a CI runner (`##[...]`). */
function safeUrl(url: string): string {
  return url.replace(/[\s\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}<>"`\\^{|}]/gu, encoded).replaceAll('##[', '##%5B');
}

function encoded(character: string): string {
  return Array.from(
    Buffer.from(character, 'utf8'),
    (octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}
