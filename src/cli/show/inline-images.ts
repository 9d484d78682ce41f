import type { ReadPart } from '../../mime/read/index.ts';

/** Octets of one image that is put into a page, and of all. */
const IMAGE_LIMIT = 5 * 1024 * 1024;
const IMAGES_LIMIT = 25 * 1024 * 1024;

/** Pictures that are only that: an SVG is a document, and never among them. What a part calls itself does not count. */
const SIGNATURES: readonly (readonly [type: string, begins: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[\0-\xff]{4}WEBP/],
];

/** The images of a message that its page shows, as `data:` URLs. */
export class InlineImages {
  readonly #byId = new Map<string, ReadPart>();
  #room = IMAGES_LIMIT;

  constructor(parts: readonly ReadPart[]) {
    for (const part of parts) {
      if (part.contentId !== null && !this.#byId.has(part.contentId)) this.#byId.set(part.contentId, part);
    }
  }

  /** What a `cid:` or `data:` URL stands for, checked; undefined: nothing that may be shown. */
  dataUrl(source: string): string | undefined {
    const bytes = /^cid:/i.test(source) ? this.#part(source.slice(4))?.bytes : dataOf(source);
    if (bytes === undefined || bytes.length > IMAGE_LIMIT || bytes.length > this.#room) return undefined;
    const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
    const type = SIGNATURES.find(([, begins]) => begins.test(head))?.[0];
    if (type === undefined) return undefined;
    this.#room -= bytes.length;
    return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
  }

  /** RFC 2392: the id is percent-encoded in the URL. */
  #part(id: string): ReadPart | undefined {
    try {
      return this.#byId.get(id) ?? this.#byId.get(decodeURIComponent(id));
    } catch {
      return undefined;
    }
  }
}

function dataOf(source: string): Buffer | undefined {
  const [, head = '', content] = /^data:([^,]{0,200}),(.*)$/is.exec(source) ?? [];
  if (content === undefined || !/;base64$/i.test(head) || content.length > 2 * IMAGE_LIMIT) return undefined;
  return Buffer.from(content, 'base64');
}
