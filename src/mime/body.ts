import { attachmentPart } from './attachment.ts';
import type { Draft } from './compose.ts';
import { field } from './header.ts';
import { newBoundary, type Uniqueness } from './ids.ts';
import { withParameters } from './parameter.ts';
import { multipart, type Part } from './part.ts';
import type { Source } from './source.ts';
import { readText, textPart } from './text.ts';

/** Text and HTML as alternatives, images of the HTML beside it, attachments around it all (RFC 2046 5.1). */
export async function bodyOf(draft: Draft, unique: Uniqueness): Promise<Part> {
  const { html, attachments = [] } = draft;
  const container = (subtype: string, parts: readonly Part[]): Part => {
    const boundary = newBoundary(unique);
    const type = withParameters(`multipart/${subtype}`, [`boundary="${boundary}"`]);
    return multipart(field('Content-Type', type), boundary, parts);
  };
  const inline = attachments.filter((attachment) => attachment.inline === true && html !== undefined);
  const others = attachments.filter((attachment) => !inline.includes(attachment));
  const text = draft.text ?? (html === undefined ? '' : await generatedText(html));
  const bodies: Part[] = [];
  if (text !== undefined) bodies.push(await textPart(text, 'plain'));
  if (html !== undefined) {
    const page = await textPart(html, 'html');
    const images = await Promise.all(inline.map(attachmentPart));
    bodies.push(images.length > 0 ? container('related', [page, ...images]) : page);
  }
  const [only] = bodies;
  const body = bodies.length === 1 && only !== undefined ? only : container('alternative', bodies);
  if (others.length === 0) return body;
  return container('mixed', [body, ...(await Promise.all(others.map(attachmentPart)))]);
}

/** So much of a page is turned into text. */
const PAGE_LIMIT = 4 * 1024 * 1024;

/** What a page says; undefined where that is nothing. */
async function generatedText(html: string | Source): Promise<string | undefined> {
  const page = typeof html === 'string' ? html.slice(0, PAGE_LIMIT) : await readText(html, PAGE_LIMIT);
  const { htmlToText } = await import('./html-text.ts');
  const text = htmlToText(page);
  return text === '' ? undefined : text;
}
