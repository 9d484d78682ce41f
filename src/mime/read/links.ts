import { attributeOf, htmlTokens } from '../html-tokens.ts';

/** So many links of one message are told. */
const LINKS_LIMIT = 10_000;
const URL_LIMIT = 8_192;
const TEXT_LIMIT = 2_000;

export interface Link {
  readonly url: string;
  readonly text: string;
}

/** The links of a page, then those of a text: each URL once, with the text of the anchor, or the URL itself. */
export function readLinks(html: string | null, text: string): Link[] {
  const links = new Map<string, Link>();
  const add = (url: string, shown: string) => {
    if (links.size < LINKS_LIMIT && url.length <= URL_LIMIT && !links.has(url))
      links.set(url, { url, text: shown });
  };
  if (html !== null) for (const { url, text: shown } of anchors(html)) add(url, shown);
  for (const url of urlsIn(text)) add(url, url);
  return [...links.values()];
}

function* anchors(html: string): Generator<Link> {
  let open: { url: string; text: string } | undefined;
  for (const token of htmlTokens(html)) {
    if (token.kind === 'text') {
      if (open !== undefined && open.text.length < TEXT_LIMIT) open.text += token.text;
    } else if (token.name === 'a') {
      if (open !== undefined) yield { url: open.url, text: open.text.replace(/\s+/g, ' ').trim() };
      open = undefined;
      const url = token.kind === 'open' ? cleanUrl(attributeOf(token.attributes, 'href') ?? '') : '';
      if (isLink(url)) open = { url, text: '' };
    }
  }
  if (open !== undefined) yield { url: open.url, text: open.text.replace(/\s+/g, ' ').trim() };
}

/** As browsers do (WHATWG URL 4.4): controls at the ends, tabs and line ends anywhere go. */
function cleanUrl(url: string): string {
  return url
    .replace(/[\t\r\n]/g, '')
    .replace(/^[\0- ]+/, '')
    .trimEnd();
}

/** Schemes that lead somewhere, and run nothing here. */
function isLink(url: string): boolean {
  return /^(?:https?|ftps?|mailto|tel|sms|xmpp|sip|sips|geo|matrix|news|webcal):/i.test(url);
}

const START = /https?:\/\/|mailto:/gi;
const STOP = /[\s<>"\0-\x1f\x7f-\x9f]/g;

/** The URLs in a text, without the punctuation that follows them. */
export function* urlsIn(text: string): Generator<string> {
  START.lastIndex = 0;
  for (let match = START.exec(text); match !== null; match = START.exec(text)) {
    STOP.lastIndex = START.lastIndex;
    const end = STOP.exec(text)?.index ?? text.length;
    const from = match.index;
    const resume = end;
    const url = trimmed(text.slice(from, Math.min(end, from + URL_LIMIT + 1)));
    START.lastIndex = resume;
    if (url.length > match[0].length) yield url;
    START.lastIndex = resume;
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
    else if (!'.,;:!?\'"*_~}|\u201d\u2019\u00bb\u3002\uff0c\uff09'.includes(last)) break;
  }
  return url.slice(0, end);
}
