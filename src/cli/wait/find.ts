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

/** Six digits that are no part of a longer number, a word or an address. */
const USUAL_CODE = /(?<![\w/=?&#%]|\d[.,-])\d{6}(?![\w/=&%]|[.,-]\d)/g;

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

/** What the expression, or its first group, matches in the text; in the subject, where the text has none. */
export function codeFinder(expression: string | undefined): Finder {
  const compiled = expression === undefined ? USUAL_CODE : compile(expression);
  const codes = (text: string) => {
    const found: string[] = [];
    for (const match of text.slice(0, TEXT_LOOKED_AT).matchAll(compiled)) {
      const code = match[1] ?? match[0];
      if (code !== '') found.push(code);
      if (found.length >= ENOUGH) break;
    }
    return findingOf(found);
  };
  return ({ text, subject }) => codes(text) ?? codes(subject ?? '');
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
