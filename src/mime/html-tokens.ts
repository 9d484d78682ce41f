import { decodeEntities } from './html-entities.ts';

/** An attribute with its value's place in the source, without the quotes. */
export interface HtmlAttribute {
  readonly name: string;
  /** Decoded. */
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

export type HtmlToken =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'open'; readonly name: string; readonly attributes: readonly HtmlAttribute[] }
  | { readonly kind: 'close'; readonly name: string };

/** Elements whose content is no text for a reader, or no markup. */
const OPAQUE = new Set(['script', 'style', 'title', 'textarea', 'xmp', 'iframe', 'noembed', 'noframes']);
/** What comes after so many attributes of one element is left out. */
const ATTRIBUTES_LIMIT = 100;

/**
 * The markup of a page in order, as a forgiving reader finds it; what is within scripts, styles and comments is left out.
 * Never throws, and takes time in proportion to the length.
 */
export function* htmlTokens(html: string): Generator<HtmlToken> {
  for (let at = 0; at < html.length; ) {
    const start = html.indexOf('<', at);
    if (start !== at) {
      const text = html.slice(at, start === -1 ? html.length : start);
      yield { kind: 'text', text: decodeEntities(text) };
      if (start === -1) return;
    }
    const next = html[start + 1] ?? '';
    if (next === '!' || next === '?') {
      at = commentEnd(html, start);
    } else if (next === '/' && isLetter(html[start + 2])) {
      const { name, end } = tag(html, start + 2);
      yield { kind: 'close', name };
      at = end;
    } else if (isLetter(next)) {
      const { name, attributes, end } = tag(html, start + 1);
      at = end;
      // A tag that does not end is no tag, to any browser.
      if (at > html.length) return;
      yield { kind: 'open', name, attributes };
      if (OPAQUE.has(name)) at = closingTag(html, name, at);
    } else {
      yield { kind: 'text', text: '<' };
      at = start + 1;
    }
  }
}

/** The value of the first attribute of that name. */
export function attributeOf(attributes: readonly HtmlAttribute[], name: string): string | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value;
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /^[a-z]$/i.test(character);
}

function commentEnd(html: string, start: number): number {
  const long = html.startsWith('<!--', start);
  const end = long ? html.indexOf('-->', start + 4) : html.indexOf('>', start);
  return end === -1 ? html.length : end + (long ? 3 : 1);
}

function closingTag(html: string, name: string, from: number): number {
  const close = new RegExp(`</${name}(?=[\\s/>])`, 'gi');
  close.lastIndex = from;
  return close.exec(html)?.index ?? html.length;
}

const NAME_END = /[\s/>]/g;
const ATTRIBUTE_END = /[\s/>=]/g;
const UNQUOTED_END = /[\s>]/g;
const NOT_BLANK = /[^\s/]/g;
const NOT_SPACE = /\S/g;

function find(pattern: RegExp, html: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(html)?.index ?? html.length;
}

/** The tag whose name begins at `from`. An `end` beyond the source: there is none. */
function tag(html: string, from: number): { name: string; attributes: HtmlAttribute[]; end: number } {
  let at = find(NAME_END, html, from);
  const name = html.slice(from, at).toLowerCase();
  const attributes: HtmlAttribute[] = [];
  for (;;) {
    at = find(NOT_BLANK, html, at);
    if (at >= html.length || html[at] === '>') return { name, attributes, end: at + 1 };
    // A name may begin with an equals sign, oddly.
    const nameEnd = find(ATTRIBUTE_END, html, at + 1);
    const attribute = html.slice(at, nameEnd).toLowerCase();
    const equals = find(NOT_SPACE, html, nameEnd);
    let value = { from: nameEnd, to: nameEnd };
    at = nameEnd;
    if (html[equals] === '=') {
      const start = find(NOT_SPACE, html, equals + 1);
      const quote = html[start];
      if (quote === '"' || quote === "'") {
        const close = html.indexOf(quote, start + 1);
        value = { from: start + 1, to: close === -1 ? html.length : close };
        at = value.to + 1;
      } else {
        value = { from: start, to: find(UNQUOTED_END, html, start) };
        at = value.to;
      }
    }
    if (attributes.length < ATTRIBUTES_LIMIT) {
      attributes.push({
        name: attribute,
        value: decodeEntities(html.slice(value.from, value.to)),
        ...value,
      });
    }
  }
}
