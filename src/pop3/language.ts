import { ProtocolError } from '../errors.ts';
import { blockLines } from './listing.ts';

/** A language that a server can speak in its answers (RFC 6856 3.1). */
export interface Language {
  /** As in `de` or `en-boont` (RFC 5646). */
  readonly tag: string;
  /** In words, in that language; empty where there is none. */
  readonly description: string;
}

/** More than any server speaks. */
const LANGUAGE_LIMIT = 500;
const DESCRIPTION_LIMIT = 200;
const TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;
/** RFC 5646 4.4.1 has 35 for the longest that means something; there is room for private parts. */
const TAG_LIMIT = 100;

/** Whether `text` may be the argument of LANG: a tag, or `*` for whatever the server likes best. */
export function isLanguageRange(text: string): boolean {
  return text === '*' || (text.length <= TAG_LIMIT && TAG.test(text));
}

/** Reads the lines of an answer to LANG alone; those that name no language are left out. */
export async function readLanguages(block: AsyncIterable<Uint8Array>): Promise<Language[]> {
  const languages: Language[] = [];
  let count = 0;
  for await (const line of blockLines(block)) {
    if (++count > LANGUAGE_LIMIT)
      throw new ProtocolError(`more than ${LANGUAGE_LIMIT} languages`, { stage: 'capa' });
    const [, tag = '', description = ''] = /^[ \t]*([^ \t]+)[ \t]*(.*)$/s.exec(line.toString('utf8')) ?? [];
    if (tag !== '*' && isLanguageRange(tag))
      languages.push({ tag, description: description.trim().slice(0, DESCRIPTION_LIMIT) });
  }
  return languages;
}
