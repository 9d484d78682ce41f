import { HEADER_LIMIT, type HeaderField, parseHeader } from './read-header.ts';
import type { Source } from './source.ts';

/** The fields of a message's header, without reading its body. */
export async function headerOfMessage(source: Source): Promise<HeaderField[]> {
  let head = Buffer.alloc(0);
  for await (const chunk of source.open()) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= HEADER_LIMIT || /\r?\n\r?\n/.test(head.toString('latin1'))) break;
  }
  return parseHeader(head);
}
