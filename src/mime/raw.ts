import { DataError } from '../errors.ts';
import { parseAddressList, wireAddress } from './address.ts';
import { fieldValue, HEADER_LIMIT, type HeaderField, parseHeader } from './read-header.ts';
import { canonical, exactly, type Source } from './source.ts';

/** A finished message that somebody else made, ready to be sent on. */
export interface RawMessage extends AsyncIterable<Uint8Array> {
  /** Octets with CRLF line ends, without the fields that are left out. */
  readonly size: number;
  readonly eightBit: boolean;
  /** As in its header; undefined when it has none. */
  readonly messageId: string | undefined;
  /** Sender and recipients as its header names them. */
  readonly envelope: RawEnvelope;
}

/**
 * What the header of a message says about its envelope. Where it has Resent-* fields, those of the last resending count
 * alone (RFC 5322 3.6.6). Reading a property whose fields are no addresses is a `DataError`: a guess would send the mail to
 * somebody else.
 */
export interface RawEnvelope {
  /** The address of Sender, or the first of From; undefined where there is neither. */
  readonly reversePath: string | undefined;
  /** The addresses of To, Cc and Bcc in order, each once. */
  readonly recipients: readonly string[];
}

/** RFC 5322 2.1.1. */
const LONGEST_LINE = 998;
/** Fields that are for the sender's own machine only (RFC 5322 3.6.3). */
const HIDDEN = new Set(['bcc', 'resent-bcc']);

/**
 * Takes a message as it is: only line ends are made CRLF, and Bcc and Resent-Bcc are left out. A line that no server has to
 * take is a `DataError`: cutting it would change the message.
 */
export async function rawMessage(source: Source): Promise<RawMessage> {
  const { head, size, eightBit } = await survey(source);
  const { kept, dropped } = withoutHidden(head);
  const fields = parseHeader(head);
  return {
    size: size - dropped,
    eightBit,
    messageId: fieldValue(fields, 'message-id'),
    envelope: envelopeIn(fields),
    async *[Symbol.asyncIterator]() {
      if (kept.length > 0) yield kept;
      let skip = head.length;
      for await (const chunk of canonical(exactly(source, 'the message'))) {
        const rest = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - rest.length;
        if (rest.length > 0) yield rest;
      }
    },
  };
}

function envelopeIn(fields: readonly HeaderField[]): RawEnvelope {
  const resent = lastResending(fields);
  const again = resent.some(({ name }) => /^resent-(?:to|cc|bcc)$/i.test(name));
  const relevant = again ? resent : fields;
  const prefix = again ? 'resent-' : '';
  return {
    get reversePath() {
      for (const name of [`${prefix}sender`, `${prefix}from`]) {
        const [first] = relevant.filter((entry) => entry.name.toLowerCase() === name).flatMap(pathsOf);
        if (first !== undefined) return first;
      }
      return undefined;
    },
    get recipients() {
      const wanted = new Set([`${prefix}to`, `${prefix}cc`, `${prefix}bcc`]);
      return [...new Set(relevant.filter(({ name }) => wanted.has(name.toLowerCase())).flatMap(pathsOf))];
    },
  };
}

/** Each resending puts its block of fields above what is there: the first block ends where one of them would repeat. */
function lastResending(fields: readonly HeaderField[]): HeaderField[] {
  const block = new Map<string, HeaderField>();
  for (const entry of fields) {
    const key = entry.name.toLowerCase();
    if (key.startsWith('resent-') ? block.has(key) : block.size > 0 && key === 'received') break;
    if (key.startsWith('resent-')) block.set(key, entry);
  }
  return [...block.values()];
}

function pathsOf({ name, value }: HeaderField): string[] {
  try {
    return parseAddressList(value).map(({ address }) => wireAddress(address));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`in ${name} of the message: ${error.message}`, {
      stage: 'compose',
      cause: error,
      hint: 'correct the message, or say who gets it with -t and who sends it with --envelope-from',
    });
  }
}

/** Reads the message once: its header (up to the blank line), its size, and whether it can be sent at all. */
async function survey(source: Source): Promise<{ head: Buffer; size: number; eightBit: boolean }> {
  let size = 0;
  let eightBit = false;
  let line = 0;
  let lines = 0;
  let head: Buffer = Buffer.alloc(0);
  let inHeader = true;
  for await (const chunk of canonical(exactly(source, 'the message'))) {
    size += chunk.length;
    for (const octet of chunk) {
      if (octet === 0x0a) {
        line = 0;
        lines++;
      } else if (octet !== 0x0d && ++line > LONGEST_LINE) {
        throw unsendable(
          `line ${lines + 1} of the message has more than ${LONGEST_LINE} octets`,
          'encode that part as quoted-printable or base64',
        );
      }
      if (octet === 0)
        throw unsendable(`line ${lines + 1} of the message holds a NUL`, 'encode that part as base64');
      if (octet > 127) eightBit = true;
    }
    if (!inHeader) continue;
    head = Buffer.concat([head, chunk]);
    const end = head.subarray(0, 2).equals(BLANK) ? 0 : head.indexOf('\r\n\r\n');
    if (end !== -1) {
      inHeader = false;
      head = head.subarray(0, head.subarray(0, 2).equals(BLANK) ? 0 : end + 2);
    } else if (head.length > HEADER_LIMIT) {
      throw unsendable(
        `the header of the message is longer than ${HEADER_LIMIT} octets`,
        'a blank line has to end it',
      );
    }
  }
  if (size === 0) throw unsendable('the message is empty', 'what should have written it may have failed');
  return { head, size, eightBit };
}

const BLANK = Buffer.from('\r\n');

function unsendable(message: string, hint: string): DataError {
  return new DataError(message, { stage: 'compose', hint });
}

/** The header without the hidden fields and their continuation lines, octet for octet otherwise. */
function withoutHidden(head: Buffer): { kept: Buffer; dropped: number } {
  const lines: Buffer[] = [];
  let hiding = false;
  for (let at = 0; at < head.length; ) {
    const end = head.indexOf(0x0a, at) + 1 || head.length;
    const line = head.subarray(at, end);
    at = end;
    const continued = line[0] === 0x20 || line[0] === 0x09;
    if (!continued)
      hiding = HIDDEN.has(line.toString('latin1').split(':', 1)[0]?.trimEnd().toLowerCase() ?? '');
    if (!hiding) lines.push(line);
  }
  const kept = Buffer.concat(lines);
  return { kept, dropped: head.length - kept.length };
}
