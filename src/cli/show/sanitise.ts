import type { Attributes, IOptions } from 'sanitize-html';
import { imageName } from '../../mime/html-image.ts';
import type { InlineImages } from './inline-images.ts';
import { tidied } from './tidy.ts';

/** What became of a page. */
export interface Sanitised {
  readonly html: string;
  /** Images on the web that are not loaded. */
  readonly remoteImages: number;
}

const TAGS =
  'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div ' +
  'dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp ' +
  'section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr';
/** What is between these is no text of the page. */
const DROPPED =
  'script style textarea option noscript title iframe object embed svg math template xmp noembed noframes';
const NESTING_LIMIT = 200;

/** No brackets but those of colours, no backslash, no quotes: nothing that could name something to load. */
const VALUE = /^(?:[\w\s#%.,+-]|rgba?\([\d\s.,%/]{1,60}\)){1,200}$/i;
/** Nothing that lays one thing over another, or paints outside its place. */
const STYLES =
  'background background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width ' +
  'border-collapse border-color border-left border-left-color border-left-style border-left-width border-radius ' +
  'border-right border-right-color border-right-style border-right-width border-spacing border-style border-top ' +
  'border-top-color border-top-style border-top-width border-width color direction display font-family font-size ' +
  'font-style font-weight height line-height list-style-type max-width min-width padding padding-bottom padding-left ' +
  'padding-right padding-top table-layout text-align text-decoration text-transform vertical-align white-space width ' +
  'word-break';

/** A number or a word: sizes, alignments, colours. */
const PLAIN_ATTRIBUTES =
  'align valign width height border cellpadding cellspacing colspan rowspan bgcolor color face size dir start type';

/**
 * A page of mail with nothing in it that runs, loads, asks or leads astray: elements, attributes and styles are those on a list, a
 * link says where it leads (in `data-to`), an image comes from the message itself or is named.
 */
export async function sanitise(html: string, images: InlineImages): Promise<Sanitised> {
  const { default: sanitizeHtml } = await import('sanitize-html');
  let remoteImages = 0;
  const options: IOptions = {
    allowedTags: TAGS.split(' '),
    nonTextTags: DROPPED.split(' '),
    disallowedTagsMode: 'discard',
    nestingLimit: NESTING_LIMIT,
    allowedAttributes: {
      '*': ['style', ...PLAIN_ATTRIBUTES.split(' ')],
      a: ['href', 'rel', 'target', 'data-to', 'title'],
      img: ['src', 'alt'],
    },
    allowedStyles: { '*': Object.fromEntries(STYLES.split(' ').map((name) => [name, [VALUE]])) },
    allowedSchemes: ['http', 'https', 'mailto', 'tel'],
    allowedSchemesByTag: { img: ['data'] },
    allowProtocolRelative: false,
    transformTags: {
      // This one is asked last, and must leave to the others what is theirs.
      '*': (tagName, attribs) => ({ tagName, attribs: OWN.has(tagName) ? attribs : plain(attribs) }),
      a: (tagName, attribs) => ({
        tagName,
        attribs: { ...plain(attribs), ...linkAttributes(attribs['href'] ?? '') },
      }),
      img: (tagName, attribs) => {
        const source = (attribs['src'] ?? '').trim();
        const src = images.dataUrl(source);
        if (src !== undefined)
          return { tagName, attribs: { ...plain(attribs), src, alt: attribs['alt'] ?? '' } };
        if (/^(?:https?:)?\/\//i.test(source)) remoteImages++;
        const named = Object.entries(attribs).map(([name, value]) => ({ name, value, from: 0, to: 0 }));
        const name = imageName(named, true).slice(0, 200);
        return { tagName: 'var', attribs: {}, text: name === '' ? '' : `[${name}]` };
      },
    },
  };
  return { html: sanitizeHtml(tidied(html), options), remoteImages };
}

const OWN: ReadonlySet<string> = new Set(['a', 'img']);

/** Only attributes whose values are words. */
function plain(attribs: Attributes): Attributes {
  const kept: Attributes = {};
  for (const name of PLAIN_ATTRIBUTES.split(' ')) {
    const value = attribs[name];
    if (value !== undefined && /^[\w\s#%.,+-]{1,100}$/.test(value)) kept[name] = value;
  }
  if (attribs['style'] !== undefined) kept['style'] = attribs['style'].slice(0, 4_096);
  return kept;
}

/** Where a link leads is part of the page: the host first, in the form in which names cannot be mistaken for others. */
export function linkAttributes(href: string): Record<string, string> {
  let url: URL;
  try {
    url = new URL(href.trim());
  } catch {
    return {};
  }
  if (!['http:', 'https:', 'mailto:', 'tel:'].includes(url.protocol)) return {};
  const isWeb = url.protocol.startsWith('http');
  const to = isWeb ? `${url.host}${url.pathname}${url.search}` : `${url.protocol}${url.pathname}`;
  return {
    href: url.href,
    rel: 'noopener noreferrer',
    target: '_blank',
    'data-to': to.slice(0, 500),
    title: url.href,
  };
}
