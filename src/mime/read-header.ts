import { isUtf8 } from 'node:buffer';
import { type Mailbox, parseAddressList } from './address.ts';
import { decodeCharset, decodeUnlabelled } from './charset.ts';
import { decodeWords } from './encoded-word.ts';

/** One field of a message that somebody else made. */
export interface HeaderField {
  readonly name: string;
  /** Unfolded, encoded words as they came. */
  readonly value: string;
}

export const HEADER_LIMIT = 1024 * 1024;
const FIELDS_LIMIT = 10_000;
const FIELD_LIMIT = 256 * 1024;
const NAME_LIMIT = 1_000;
/** RFC 5322 2.2. */
const FIELD_NAME = /^[!-9;-~]+$/;
const NOTHING = Buffer.alloc(0);
const CUT = 'a field of a header is larger than 256 KB: the rest of it is left out';

/** How a header is read that may be broken. */
export interface HeaderReading {
  /** That of octets which are neither ASCII nor UTF-8; windows-1252 where none is named. */
  readonly charset?: string | undefined;
  /** Is told what was left out. */
  readonly warn?: Warn | undefined;
}

/** Takes what is to be said of a message that somebody else made, in words. */
export type Warn = (warning: string) => void;

/**
 * The fields of a header block; what follows the first blank line is not looked at. For mail as it comes: lines that are no
 * fields are passed over, bytes without a charset are UTF-8 or windows-1252, and nothing throws. Limits: 1 MB, 10,000
 * fields, 256 KB each; what is beyond is left out.
 */
export function parseHeader(block: Uint8Array, { charset, warn }: HeaderReading = {}): HeaderField[] {
  const decode = (line: Buffer): string =>
    charset === undefined || isUtf8(line) ? decodeUnlabelled(line) : decodeCharset(line, charset);
  if (block.length > HEADER_LIMIT) warn?.('a header is larger than 1 MB: the rest of it is left out');
  const bytes = Buffer.from(block.buffer, block.byteOffset, Math.min(block.length, HEADER_LIMIT));
  const fields: { name: string; lines: string[]; octets: number }[] = [];
  for (let at = 0; at < bytes.length && fields.length <= FIELDS_LIMIT; ) {
    const found = bytes.indexOf(0x0a, at);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(at, end > at && bytes[end - 1] === 0x0d ? end - 1 : end);
    at = end + 1;
    if (line.length === 0) break;
    const last = fields.at(-1);
    if (line[0] === 0x20 || line[0] === 0x09) {
      if (last !== undefined && last.octets + line.length <= FIELD_LIMIT) {
        last.lines.push(decode(line));
        last.octets += line.length;
      } else if (last !== undefined) warn?.(CUT);
      continue;
    }
    const colon = line.indexOf(0x3a);
    const name = line
      .subarray(0, Math.min(Math.max(colon, 0), NAME_LIMIT))
      .toString('latin1')
      .trimEnd();
    // What is no field may go on in the next line, too: it is gathered, and left out at the end.
    const value = FIELD_NAME.test(name) ? line.subarray(colon + 1, colon + 1 + FIELD_LIMIT) : NOTHING;
    if (line.length - colon - 1 > FIELD_LIMIT) warn?.(CUT);
    fields.push({ name, lines: [decode(value)], octets: line.length });
  }
  const named = fields.filter(({ name }) => FIELD_NAME.test(name));
  if (fields.length > FIELDS_LIMIT)
    warn?.(`a header has more than ${FIELDS_LIMIT} fields: the rest of them is left out`);
  return named.slice(0, FIELDS_LIMIT).map(({ name, lines }) => ({ name, value: lines.join('').trim() }));
}

/** The first field of that name, in any case. */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return fields.find((entry) => entry.name.toLowerCase() === wanted)?.value;
}

/** A field's text as a person reads it. */
export function readText(value: string, warn?: Warn): string {
  return decodeWords(value, warn);
}

/** Addresses are decoded after they have been told apart: a decoded name may hold a comma. Never throws. */
export function readAddresses(value: string, warn?: Warn): Mailbox[] {
  try {
    return parseAddressList(value).map(({ name, address }) => ({ name: decodeWords(name, warn), address }));
  } catch {
    return guessAddresses(value, warn);
  }
}

/** So many addresses are looked for where a strict reader gives up. */
const GUESSES_LIMIT = 1_000;
const NOT_IN_ADDRESS = ' \t\r\n\v\f<>"(),;:@\xa0';

/** What a strict reader refuses: everything that looks like an address counts, whatever stands before it is its name. */
function guessAddresses(value: string, warn?: Warn): Mailbox[] {
  const found: Mailbox[] = [];
  let from = 0;
  for (
    let at = value.indexOf('@');
    at !== -1 && found.length < GUESSES_LIMIT;
    at = value.indexOf('@', at + 1)
  ) {
    let start = at;
    while (start > from && at - start < 200 && !NOT_IN_ADDRESS.includes(value.charAt(start - 1))) start--;
    let end = at + 1;
    while (end < value.length && end - at < 256 && !NOT_IN_ADDRESS.includes(value.charAt(end))) end++;
    if (start === at || end === at + 1) continue;
    const name = value.slice(from, value[start - 1] === '<' ? start - 1 : start);
    found.push({ name: decodeWords(bare(name), warn), address: value.slice(start, end) });
    from = value[end] === '>' ? end + 1 : end;
    at = end - 1;
  }
  const name = bare(value);
  return found.length === 0 && name !== '' ? [{ name: decodeWords(name, warn), address: '' }] : found;
}

/** Without blanks, separators and quotes at its ends. */
function bare(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && ' \t,;"'.includes(text.charAt(start))) start++;
  while (end > start && ' \t,;"'.includes(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';
const ZONES: Readonly<Record<string, number>> = {
  ut: 0,
  gmt: 0,
  z: 0,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
};

const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59);

/** A Date field (RFC 5322 3.3, with the old forms of 4.3); undefined for what is none. */
export function readDate(value: string): Date | undefined {
  const text = value.slice(0, 200).replace(/\([^()]*\)/g, ' ');
  const match =
    /(\d{1,2})\s+([a-z]{3})[a-z]*\s+(\d{2,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([+-]\d{4}|[a-z]{1,5}))?/i.exec(
      text,
    );
  if (match === null) return undefined;
  const [, day, monthName = '', yearText = '', hour, minute, second = '0', zone = 'GMT'] = match;
  const month = MONTHS.indexOf(monthName.toLowerCase()) / 3;
  if (!Number.isInteger(month)) return undefined;
  const shortYear = Number(yearText);
  const year = yearText.length === 4 ? shortYear : shortYear < 50 ? 2000 + shortYear : 1900 + shortYear;
  const offset = /^[+-]/.test(zone)
    ? (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3)))
    : (ZONES[zone.toLowerCase()] ?? 0);
  const time = Date.UTC(year, month, Number(day), Number(hour), Number(minute) - offset, Number(second));
  // Later than 9999 ISO 8601 has no usual form (RFC 3339 1).
  return Number.isNaN(time) || time > LATEST ? undefined : new Date(time);
}
