import { LineFramer } from '../codec/lines.ts';
import { asBuffer } from '../codec/octets.ts';
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

/** Reads LIST; gaps, disorder and odd sizes are as good as any. */
export async function readScanListing(block: AsyncIterable<Uint8Array>): Promise<ScanListing[]> {
  const rows: ScanListing[] = [];
  await eachRow(block, (number, text, from, to) => {
    rows.push({ number, size: octets(text, from, to) });
  });
  return rows;
}

/** Reads UIDL; a message whose unique-id is missing or unusably long is left out, and with `only` all others. */
export async function readUniqueIdListing(
  block: AsyncIterable<Uint8Array>,
  only?: ReadonlySet<number>,
): Promise<UniqueIdListing[]> {
  const rows: UniqueIdListing[] = [];
  await eachRow(block, (number, text, from, to) => {
    if (only !== undefined && !only.has(number)) return;
    if (to > from && to - from <= UNIQUE_ID_LIMIT) rows.push({ number, uniqueId: text.slice(from, to) });
  });
  return rows;
}

/** Takes a row: its number, and where in `text` the rest is, without blanks around it. */
type TakeRow = (number: number, text: string, from: number, to: number) => void;

/**
 * Reads the rows of a listing. A maildrop may have 100,000 of them, which is why a chunk is taken apart as one string and
 * not line by line.
 */
async function eachRow(block: AsyncIterable<Uint8Array>, take: TakeRow): Promise<void> {
  let rest = '';
  let count = 0;
  for await (const chunk of block) {
    const octets = asBuffer(chunk).toString('latin1');
    const text = rest === '' ? octets : rest + octets;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      takeRow(text, start, end, count++, take);
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > ROW_OCTETS) throw new ProtocolError(`a row of more than ${ROW_OCTETS} octets`);
  }
  if (rest !== '') takeRow(rest, 0, rest.length, count, take);
}

const [BLANK, TAB, CR, ZERO, NINE] = [0x20, 0x09, 0x0d, 0x30, 0x39] as const;

function takeRow(text: string, start: number, lineEnd: number, before: number, take: TakeRow): void {
  if (before >= ROW_LIMIT) throw new ProtocolError(`a listing of more than ${ROW_LIMIT} rows`);
  if (lineEnd - start > ROW_OCTETS) throw new ProtocolError(`a row of more than ${ROW_OCTETS} octets`);
  let end = text.charCodeAt(lineEnd - 1) === CR && lineEnd > start ? lineEnd - 1 : lineEnd;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  if (at === end) return;
  const digits = at;
  let number = 0;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) break;
    number = number * 10 + code - ZERO;
  }
  const isNumber = at > digits && at - digits <= 15 && (at === end || isBlank(text.charCodeAt(at)));
  if (!isNumber) throw new ProtocolError(`not a row of a listing: ${quoted(text.slice(start, end))}`);
  if (number === 0) throw new ProtocolError('a message with number 0');
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  take(number, text, at, end);
}

function isBlank(code: number): boolean {
  return code === BLANK || code === TAB;
}

/** Reads the text after `+OK` of STAT. */
export function parseDropListing(text: string): DropListing {
  const [messages = '', size = ''] = text.trim().split(/[ \t]+/);
  if (!/^\d{1,15}$/.test(messages)) {
    throw new ProtocolError(`not an answer to STAT: ${quoted(text)}`, { stage: 'stat' });
  }
  return { messages: Number(messages), size: octets(size) };
}

/** Servers that lie about sizes say -1, nothing, or more than a number can hold: all of that is 0. */
function octets(text: string, from = 0, to = text.length): number {
  let size = 0;
  let at = from;
  for (; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) break;
    size = size * 10 + code - ZERO;
  }
  if (at - from > 16 || (at < to && !isBlank(text.charCodeAt(at)))) return 0;
  return Number.isSafeInteger(size) ? size : 0;
}
