import { type Attachment, attachmentPart } from './attachment.ts';
import type { Draft } from './compose.ts';
import { field } from './header.ts';
import { newBoundary, type Uniqueness } from './ids.ts';
import { withParameters } from './parameter.ts';
import { multipart, type Part } from './part.ts';
import type { Source } from './source.ts';
import { readText, textPart } from './text.ts';

/** Text and HTML as alternatives, images of the HTML beside it, attachments around it all (RFC 2046 5.1). */
export async function bodyOf(draft: Draft, unique: Uniqueness, domain: string): Promise<Part> {
  const container = (subtype: string, parts: readonly Part[]): Part => {
    const boundary = newBoundary(unique);
    const type = withParameters(`multipart/${subtype}`, [`boundary="${boundary}"`]);
    return multipart(field('Content-Type', type), boundary, parts);
  };
  const { html, images, others } = await pageOf(draft, unique, domain);
  const text = draft.text ?? (html === undefined ? '' : await generatedText(html));
  const bodies: Part[] = [];
  if (text !== undefined) bodies.push(await textPart(text, 'plain', draft.charset));
  if (html !== undefined) {
    const page = await textPart(html, 'html', draft.charset);
    const shown = await Promise.all(images.map(attachmentPart));
    bodies.push(shown.length > 0 ? container('related', [page, ...shown]) : page);
  }
  const files = await Promise.all(others.map(attachmentPart));
  if (draft.calendar !== undefined) {
    const { calendarParts } = await import('./calendar.ts');
    const { alternative, file } = await calendarParts(draft.calendar);
    bodies.push(alternative);
    files.unshift(file);
  }
  if (draft.forwarded !== undefined && draft.forwarded.length > 0) {
    const { forwardedPart } = await import('./forward.ts');
    for (const message of draft.forwarded) files.push(await forwardedPart(message));
  }
  const [only] = bodies;
  const body = bodies.length === 1 && only !== undefined ? only : container('alternative', bodies);
  return files.length === 0 ? body : container('mixed', [body, ...files]);
}

interface Content {
  readonly html: string | Source | undefined;
  /** What goes with the HTML. */
  readonly images: readonly Attachment[];
  readonly others: readonly Attachment[];
}

async function pageOf(draft: Draft, unique: Uniqueness, domain: string): Promise<Content> {
  const { html, attachments = [], htmlFolder } = draft;
  const inline = attachments.filter((attachment) => attachment.inline === true);
  if (html === undefined) return { html, images: [], others: attachments };
  const mayShow = htmlFolder !== undefined || attachments.some(({ contentId }) => contentId !== undefined);
  if (!(mayShow || inline.length > 0) || (typeof html !== 'string' && html.size > PAGE_LIMIT)) {
    return { html, images: inline, others: attachments.filter((attachment) => !inline.includes(attachment)) };
  }
  const page = typeof html === 'string' ? html : await readText(html, PAGE_LIMIT);
  const { bindImages } = await import('./inline.ts');
  const contentId = (number: number) => `image${number}.${unique.random()}@${domain}`;
  const bound = await bindImages(page, { attachments, folder: htmlFolder, contentId });
  return { ...bound, html: bound.html === page ? html : bound.html };
}

/** So much of a page is turned into text; in a longer one images are not looked for. */
const PAGE_LIMIT = 4 * 1024 * 1024;

/** What a page says; undefined where that is nothing. */
async function generatedText(html: string | Source): Promise<string | undefined> {
  const page = typeof html === 'string' ? html.slice(0, PAGE_LIMIT) : await readText(html, PAGE_LIMIT);
  const { htmlToText } = await import('./html-text.ts');
  const text = htmlToText(page);
  return text === '' ? undefined : text;
}
