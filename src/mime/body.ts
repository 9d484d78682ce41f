import { DataError } from '../errors.ts';
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
  const { html, images, others } = await pageOf(draft, unique, domain);
  const bodies: Part[] = [];
  if (draft.text !== undefined || html === undefined)
    bodies.push(await textPart(draft.text ?? '', 'plain', draft.charset));
  else bodies.push(...(await generatedText(html, draft.charset)));
  if (html !== undefined) {
    const page = await textPart(html, 'html', draft.charset);
    const shown = await Promise.all(images.map(attachmentPart));
    bodies.push(
      // RFC 2387 3.1: the type of what the others belong to.
      shown.length > 0
        ? container('related', [page, ...shown], newBoundary(unique), ['type="text/html"'])
        : page,
    );
  }
  const files = await Promise.all(others.map(attachmentPart));
  if (draft.calendar !== undefined) {
    const { calendarParts } = await import('./calendar.ts');
    const { alternative, file } = await calendarParts(draft.calendar);
    bodies.push(alternative);
    files.unshift(file);
  }
  const [only] = bodies;
  const body =
    bodies.length === 1 && only !== undefined ? only : container('alternative', bodies, newBoundary(unique));
  if (draft.forwarded === undefined || draft.forwarded.length === 0) {
    return files.length === 0 ? body : container('mixed', [body, ...files], newBoundary(unique));
  }
  const { boundaryBeside, forwardedPart } = await import('./forward.ts');
  const messages: Part[] = [];
  for (const message of draft.forwarded) messages.push(await forwardedPart(message));
  return container('mixed', [body, ...files, ...messages], await boundaryBeside(messages, unique));
}

function container(
  subtype: string,
  parts: readonly Part[],
  boundary: string,
  parameters: readonly string[] = [],
): Part {
  const type = withParameters(`multipart/${subtype}`, [...parameters, `boundary="${boundary}"`]);
  return multipart(field('Content-Type', type), boundary, parts);
}

interface Content {
  readonly html: string | Source | undefined;
  /** What goes with the HTML. */
  readonly images: readonly Attachment[];
  readonly others: readonly Attachment[];
}

async function pageOf(draft: Draft, unique: Uniqueness, domain: string): Promise<Content> {
  const { attachments = [], htmlFolder } = draft;
  const html =
    draft.html === undefined || typeof draft.html === 'string' || draft.html.size > PAGE_LIMIT
      ? draft.html
      : await (await import('./html-charset.ts')).decodedPage(draft.html);
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

/** What a page says, in the charset where that has every character; nothing where it says nothing. */
async function generatedText(html: string | Source, charset: string | undefined): Promise<Part[]> {
  const page = typeof html === 'string' ? html.slice(0, PAGE_LIMIT) : await readText(html, PAGE_LIMIT);
  const { htmlToText } = await import('./html-text.ts');
  const text = htmlToText(page);
  if (text === '') return [];
  try {
    return [await textPart(text, 'plain', charset)];
  } catch (error) {
    // A page can name characters that it cannot hold, as &euro; and the like.
    if (charset === undefined || !(error instanceof DataError)) throw error;
    return [await textPart(text, 'plain')];
  }
}
