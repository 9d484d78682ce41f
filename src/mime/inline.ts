import { promises as fs } from 'node:fs';
import { basename, resolve, sep } from 'node:path';
import { DataError, InputError } from '../errors.ts';
import { type Attachment, fileAttachment, typeByName } from './attachment.ts';
import { type HtmlAttribute, htmlTokens } from './html-tokens.ts';

/** A page with what it shows. */
export interface Page {
  readonly html: string;
  /** The attachments that it names, now inline, and the files that it names. */
  readonly images: readonly Attachment[];
  /** The attachments that it does not name. */
  readonly others: readonly Attachment[];
}

/** Where images come from, and what they are called. */
export interface ImagePlaces {
  readonly attachments: readonly Attachment[];
  /** Relative paths are looked up here, and nowhere above; absent: they stay as they are. */
  readonly folder: string | undefined;
  /** A fresh content id for the image of that number. */
  contentId(number: number): string;
}

/**
 * Binds the images of a page to what goes with it: `cid:` to the attachment of that content id, the name of an inline
 * attachment to that, another relative path to the file in `folder`, each file once. What is elsewhere in the world is never
 * loaded. `InputError` for a file that is not there, `DataError` for one outside the folder and for what is no image.
 */
export async function bindImages(html: string, places: ImagePlaces): Promise<Page> {
  const images = new Set(places.attachments.filter(({ inline }) => inline === true));
  const given = new Map<Attachment, Attachment>();
  const byFile = new Map<string, string>();
  let bound = '';
  let end = 0;
  for (const { value, from, to } of references(html)) {
    const reference = value.trim();
    if (/^cid:/i.test(reference)) {
      const id = unescaped(reference.slice('cid:'.length));
      const named = places.attachments.find(({ contentId }) => contentId?.replace(/^<(.*)>$/s, '$1') === id);
      if (named !== undefined) images.add(named);
      continue;
    }
    if (reference === '' || /^(?:[a-z][a-z\d+.-]*:|\/\/|#)/i.test(reference)) continue;
    const path = unescaped(reference.replace(/[?#].*$/s, ''));
    const contentId = attached(path) ?? (await inFolder(path));
    if (contentId === undefined) continue;
    bound += `${html.slice(end, from)}cid:${contentId}`;
    end = to;
  }
  return {
    html: bound + html.slice(end),
    images: [...images].map((image) => ({ ...(given.get(image) ?? image), inline: true })),
    others: places.attachments.filter((attachment) => !images.has(attachment)),
  };

  function attached(path: string): string | undefined {
    const named = places.attachments.find(
      ({ inline, filename }) => inline === true && filename === basename(path),
    );
    if (named === undefined) return undefined;
    const image = given.get(named) ?? { ...named, contentId: named.contentId ?? newId() };
    given.set(named, image);
    return image.contentId?.replace(/^<(.*)>$/s, '$1');
  }

  async function inFolder(path: string): Promise<string | undefined> {
    if (places.folder === undefined) return undefined;
    const file = await locate(path, places.folder);
    const known = byFile.get(file);
    if (known !== undefined) return known;
    const contentId = newId();
    byFile.set(file, contentId);
    images.add({ ...(await fileAttachment(file, { contentId })), inline: true });
    return contentId;
  }

  function newId(): string {
    return places.contentId(byFile.size + given.size + 1);
  }
}

/** The places in a page that name an image, in order. */
function* references(html: string): Generator<HtmlAttribute> {
  for (const token of htmlTokens(html)) {
    if (token.kind !== 'open') continue;
    for (const attribute of token.attributes) {
      if (attribute.name === 'background' || (attribute.name === 'src' && token.name === 'img'))
        yield attribute;
    }
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The file of that path, whatever links it takes to get there: a page may come from somebody else. */
async function locate(path: string, folder: string): Promise<string> {
  const shown = JSON.stringify(path.slice(0, 100));
  const refuse = (why: string, hint: string) =>
    new DataError(`the HTML names the image ${shown}, ${why}`, { stage: 'compose', hint });
  const within = async (root: string, wanted: string) => {
    if (wanted.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return;
    throw refuse('which is outside its folder', `attach it by name: --inline ${shown}`);
  };
  if (path.includes('\0')) throw refuse('which is no name of a file', 'write a path');
  const wanted = resolve(folder, path);
  // Before it is looked for: whether there is such a file elsewhere is nobody's concern.
  await within(resolve(folder), wanted);
  const image = async (name: string) => {
    if ((await typeByName(name)).startsWith('image/')) return;
    throw refuse('which is no image by its name', 'attach other files with -A');
  };
  await image(wanted);
  try {
    const file = await fs.realpath(wanted);
    await within(await fs.realpath(folder), file);
    await image(file);
    return file;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new InputError(`the HTML names the image ${shown}, which is not in ${folder || '.'}`, {
      stage: 'compose',
      cause,
      hint: '--html-images says where such files are; --html-images none leaves the HTML as it is',
    });
  }
}
