import { LineFramer } from '../codec/lines.ts';
import { ProtocolError } from '../errors.ts';
import { quoted } from './status.ts';

/** One row of LIST: `size` is the server's word, in octets, good for display and progress only. */
export interface ScanListing {
  readonly number: number;
  readonly size: number;
}

/** One row of UIDL. `uniqueId` has one character per octet (latin1): it is compared, never understood. */
export interface UniqueIdListing {
  readonly number: number;
  readonly uniqueId: string;
}

/** What STAT says: messages that are not marked as deleted, and their octets together. */
export interface DropListing {
  readonly messages: number;
  readonly size: number;
}

/** More rows than any maildrop has. */
export const ROW_LIMIT = 1_000_000;
/** RFC 1939 7 allows 70 octets; servers exceed it. A longer one is as good as none. */
export const UNIQUE_ID_LIMIT = 1_000;
/** The longest row that is read at all. */
const ROW_OCTETS = 4_096;

/** The lines of a multi-line answer, each without its ending, as soon as it is whole. A line is good until the next. */
export async function* blockLines(block: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  const framer = new LineFramer(ROW_OCTETS);
  for await (const chunk of block) {
    framer.push(chunk);
    for (let line = framer.next(); line !== undefined; line = framer.next()) yield line.bytes;
    framer.push(Buffer.from(framer.take())); // the chunk's memory may be used again
  }
}

/** Reads LIST row by row; gaps, disorder and odd sizes are as good as any. */
export async function readScanListing(block: AsyncIterable<Uint8Array>): Promise<ScanListing[]> {
  const rows: ScanListing[] = [];
  for await (const line of blockLines(block)) {
    const row = parseRow(line, rows.length);
    if (row !== undefined) rows.push({ number: row.number, size: octets(row.rest) });
  }
  return rows;
}

/** Reads UIDL row by row; a message whose unique-id is missing or unusably long is left out. */
export async function readUniqueIdListing(block: AsyncIterable<Uint8Array>): Promise<UniqueIdListing[]> {
  const rows: UniqueIdListing[] = [];
  let count = 0;
  for await (const line of blockLines(block)) {
    const row = parseRow(line, count++);
    if (row === undefined || row.rest === '' || row.rest.length > UNIQUE_ID_LIMIT) continue;
    rows.push({ number: row.number, uniqueId: row.rest });
  }
  return rows;
}

/** Reads the text after `+OK` of STAT. */
export function parseDropListing(text: string): DropListing {
  const [messages = '', size = ''] = text.trim().split(/[ \t]+/);
  if (!/^\d{1,15}$/.test(messages)) {
    throw new ProtocolError(`not an answer to STAT: ${quoted(text)}`, { stage: 'stat' });
  }
  return { messages: Number(messages), size: octets(size) };
}

function parseRow(line: Buffer, before: number): { number: number; rest: string } | undefined {
  if (before >= ROW_LIMIT) throw new ProtocolError(`a listing of more than ${ROW_LIMIT} rows`);
  const text = line.toString('latin1');
  const found = /^[ \t]*(\d{1,15})(?:[ \t]+|$)/.exec(text);
  if (found === null) {
    if (text.trim() === '') return undefined;
    throw new ProtocolError(`not a row of a listing: ${quoted(text)}`);
  }
  const number = Number(found[1]);
  if (number === 0) throw new ProtocolError('a message with number 0');
  return { number, rest: withoutTrailingBlanks(text.slice(found[0].length)) };
}

/** Servers that lie about sizes say -1, nothing, or more than a number can hold: all of that is 0. */
function octets(text: string): number {
  const size = Number(/^\d{1,16}(?=[ \t]|$)/.exec(text)?.[0] ?? 0);
  return Number.isSafeInteger(size) ? size : 0;
}

function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return text.slice(0, end);
}
