import { isUtf8 } from 'node:buffer';
import { decodeCharset } from './charset.ts';
import { readAll, type Source } from './source.ts';

/** Where a page says so at all, it does within so many octets (WHATWG HTML 4.2.5.4). */
const DECLARED_WITHIN = 1024;
const DECLARATION = /<meta\s[^>]{0,300}?charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,60})/i;

/** The charset that a page names in its beginning; undefined where it names none, or one that it cannot be in. */
export function declaredCharset(page: Uint8Array): string | undefined {
  const start = Buffer.from(page.buffer, page.byteOffset, Math.min(page.length, DECLARED_WITHIN));
  const [, charset] = DECLARATION.exec(start.toString('latin1')) ?? [];
  return charset === undefined || /^utf-?16/i.test(charset) ? undefined : charset;
}

/**
 * A page that is not UTF-8, and names the charset that it is in, as a string; any other as it is. The label of the message
 * counts for readers, and the page's own would be lost.
 */
export async function decodedPage(html: Source): Promise<string | Source> {
  const bytes = await readAll(html, 'the HTML');
  // A byte order mark says more than what is written (WHATWG Encoding 6).
  if (isUtf8(bytes) || /^(?:fffe|feff)/.test(bytes.toString('hex', 0, 2))) return html;
  const [, charset] = DECLARATION.exec(bytes.toString('latin1', 0, DECLARED_WITHIN)) ?? [];
  return charset === undefined || /^utf-?(?:8|16)/i.test(charset) ? html : decodeCharset(bytes, charset);
}
