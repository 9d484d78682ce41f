import { DataError } from '../errors.ts';
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

/** So much of a message is looked at to know whether it is one. */
const START_OCTETS = 1_000;

/** How a message begins: a header field (RFC 5322 2.2), or above it the line that an mbox has between messages. */
const START = /^(?:[!-9;-~]+[ \t]*:|>?From )/;

/** `DataError` for a file that is no message, as that of a text, an image or a command that failed: `what` names it. */
export async function checkIsMessage(source: Source, what: string): Promise<void> {
  let start = '';
  for await (const chunk of source.open()) {
    start += Buffer.from(chunk.subarray(0, START_OCTETS)).toString('latin1');
    if (start.length >= START_OCTETS) break;
  }
  if (START.test(start)) return;
  const isEmpty = start === '';
  throw new DataError(
    `${what} is ${isEmpty ? 'empty' : 'no message: it does not begin with a header field'}`,
    {
      stage: 'compose',
      hint: isEmpty
        ? 'what should have written it may have failed'
        : 'a message (.eml) is wanted; another file goes with -A, a text with --text-file',
    },
  );
}
