import { attributeOf, htmlTokens } from '../html-tokens.ts';

/** So many links of one message are told. */
const LINKS_LIMIT = 10_000;
const URL_LIMIT = 8_192;
const TEXT_LIMIT = 2_000;

export interface Link {
  readonly url: string;
  readonly text: string;
}

/**
 * The links of a page, anchors and plain URLs, then the URLs of a text; each URL once, with the text of the anchor, or the URL
 * itself. What runs a script or stays within the message is no link.
 */
export function readLinks(html: string | null, text: string): Link[] {
  const links = new Map<string, Link>();
  const add = (link: Link) => {
    if (links.size < LINKS_LIMIT && link.url.length <= URL_LIMIT && !links.has(link.url))
      links.set(link.url, link);
  };
  if (html !== null) for (const link of pageLinks(html)) add(link);
  for (const url of urlsIn(unwrapped(text))) add({ url, text: url });
  return [...links.values()];
}

function* pageLinks(html: string): Generator<Link> {
  let open: { url: string; text: string } | undefined;
  const closed = function* (): Generator<Link> {
    if (open !== undefined) yield { url: open.url, text: open.text.replace(/\s+/g, ' ').trim() };
    open = undefined;
  };
  for (const token of htmlTokens(html)) {
    if (token.kind === 'text') {
      if (open === undefined) for (const url of urlsIn(token.text)) yield { url, text: url };
      else if (open.text.length < TEXT_LIMIT) open.text += token.text.slice(0, TEXT_LIMIT);
    } else if (token.name === 'a' || (token.name === 'area' && token.kind === 'open')) {
      yield* closed();
      const url = token.kind === 'open' ? cleanUrl(attributeOf(token.attributes, 'href') ?? '') : '';
      if (isLink(url)) open = { url, text: '' };
      if (token.name === 'area') yield* closed();
    }
  }
  yield* closed();
}

/** Controls and the blanks around it are no part of a URL, to browsers either (WHATWG URL 4.4). */
function cleanUrl(url: string): string {
  return url.replace(/[\0-\x1f\x7f-\x9f]/g, '').trim();
}

/** Schemes that run something, or lead into the message or the machine. */
const HOSTILE =
  /^(?:javascript|vbscript|livescript|data|about|blob|file|filesystem|view-source|jar|cid|mid|ms-[a-z-]+|search-ms):/i;

function isLink(url: string): boolean {
  return /^[a-z][a-z\d+.-]{0,40}:./i.test(url) && !HOSTILE.test(url);
}

const IN_BRACKETS = /<(https?:\/\/[^<>"]{1,8192})>/gi;

/** A URL in angle brackets goes on after a line end, and the line end is no part of it (RFC 3986 Appendix C). */
function unwrapped(text: string): string {
  return text.replace(IN_BRACKETS, (whole, url: string) => {
    const lines = url.split('\n').map((line) => line.trim());
    return lines.some((line) => /\s/.test(line)) ? whole : `<${lines.join('')}>`;
  });
}

const START = /https?:\/\/|mailto:/gi;
/** Blanks, quotes, controls also of direction, and the punctuation of scripts that put no blank before it. */
const STOP =
  /[\s<>"\0-\x1f\x7f-\x9f\u00ab\u00bb\u060c\u061b\u061f\u06d4\u200b\u200e\u200f\u201c-\u201f\u202a-\u202e\u2060-\u2069\u3000-\u3004\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]/g;
/** Where a sentence goes on without a blank, as Chinese and Japanese do. */
const GLUED = /(?<=[A-Za-z\d])[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}].*$/su;

/** The URLs in a text, without the punctuation that follows them. */
export function* urlsIn(text: string): Generator<string> {
  START.lastIndex = 0;
  for (let match = START.exec(text); match !== null; match = START.exec(text)) {
    STOP.lastIndex = START.lastIndex;
    const end = STOP.exec(text)?.index ?? text.length;
    const from = match.index;
    const url = trimmed(text.slice(from, Math.min(end, from + URL_LIMIT + 1)).replace(GLUED, ''));
    if (url.length > match[0].length) yield url;
    START.lastIndex = end;
  }
}

/** Without what ends a sentence, and without a bracket that was opened before the URL. */
function trimmed(url: string): string {
  let end = url.length;
  let excess = 0;
  for (const character of url) {
    if (character === ')' || character === ']') excess++;
    else if (character === '(' || character === '[') excess--;
  }
  for (; end > 0; end--) {
    const last = url.charAt(end - 1);
    if ((last === ')' || last === ']') && excess > 0) excess--;
    else if (!".,;:!?'*_~}|\u2018\u2019\u2026".includes(last)) break;
  }
  return url.slice(0, end);
}
