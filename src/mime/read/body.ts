import { decodeCharset } from '../charset.ts';
import { htmlToText } from '../html-text.ts';
import type { Entity } from './entity.ts';
import type { ReadPart } from './types.ts';

/** What there is to read in a part of a message. */
export interface Body {
  readonly text: string;
  readonly source: 'plain' | 'html' | 'none';
  readonly html: string | null;
  /** The leaves that are text of the body, in whichever form. */
  readonly shown: ReadonlySet<Entity>;
}

const NOTHING: Body = { text: '', source: 'none', html: null, shown: new Set() };

/** The body of a message, chosen among its parts as mail readers do. `leaf`: the octets of an entity without parts. */
export function readBody(root: Entity, leaf: (entity: Entity) => ReadPart): Body {
  return bodyOf(root, leaf, true);
}

function bodyOf(entity: Entity, leaf: (entity: Entity) => ReadPart, isFirst: boolean): Body {
  if (entity.children.length === 0) return leafBody(entity, leaf(entity), isFirst);
  if (!entity.type.startsWith('multipart/')) return NOTHING;
  if (entity.type === 'multipart/alternative') {
    return alternative(entity.children.map((child) => bodyOf(child, leaf, isFirst)));
  }
  if (entity.type === 'multipart/related') return bodyOf(relatedRoot(entity), leaf, isFirst);
  const bodies: Body[] = [];
  for (const child of entity.children) {
    const first = isFirst && bodies.length === 0;
    const body = bodyOf(child, leaf, first);
    if (body.shown.size > 0) bodies.push(body);
  }
  return mixed(bodies);
}

function leafBody(entity: Entity, part: ReadPart, isFirst: boolean): Body {
  if (part.disposition === 'attachment') return NOTHING;
  if (!/^text\/(?:plain|html)$/.test(part.type)) return NOTHING;
  // A text with a name, behind another, is a file that came along.
  if (part.filename !== null && !isFirst) return NOTHING;
  const charset = entity.contentType.parameters.get('charset') ?? 'utf-8';
  const decoded = lines(decodeCharset(part.bytes, charset));
  const shown = new Set([entity]);
  if (part.type === 'text/html') return { text: htmlToText(decoded), source: 'html', html: decoded, shown };
  return { text: decoded, source: 'plain', html: null, shown };
}

function lines(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}

/** RFC 2387 3.2: the part that the others are for. */
function relatedRoot(entity: Entity): Entity {
  return entity.children[0] as Entity;
}

/** One of several forms (RFC 2046 5.1.4): plain text, unless that has nothing to read. */
function alternative(bodies: readonly Body[]): Body {
  const shown = new Set(bodies.flatMap((body) => [...body.shown]));
  const full = bodies.filter(({ text }) => text.trim() !== '');
  const best = full.find(({ source }) => source === 'plain') ?? full.at(-1) ?? bodies.at(-1) ?? NOTHING;
  const html = bodies.findLast((body) => body.html !== null)?.html ?? null;
  return { text: best.text, source: best.source, html, shown };
}

function mixed(bodies: readonly Body[]): Body {
  const [only] = bodies;
  if (bodies.length <= 1) return only ?? NOTHING;
  const full = bodies.filter(({ text }) => text.trim() !== '');
  const pages = bodies.flatMap(({ html }) => (html === null ? [] : [html]));
  return {
    text: full.map(({ text }) => (text.endsWith('\n') ? text : `${text}\n`)).join('\n'),
    source: (full[0] ?? only)?.source ?? 'none',
    html: pages.length === 0 ? null : pages.join('\n'),
    shown: new Set(bodies.flatMap(({ shown }) => [...shown])),
  };
}
