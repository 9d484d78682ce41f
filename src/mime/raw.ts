import { DataError } from '../errors.ts';
import { wireAddress } from './address.ts';
import { fieldValue, HEADER_LIMIT, parseHeader, readAddresses } from './read-header.ts';
import { canonical, exactly, type Source } from './source.ts';

/** A finished message that somebody else made, ready to be sent on. */
export interface RawMessage extends AsyncIterable<Uint8Array> {
  /** Octets with CRLF line ends, without the fields that are left out. */
  readonly size: number;
  readonly eightBit: boolean;
  /** As in its header; undefined when it has none. */
  readonly messageId: string | undefined;
  /** Sender and recipients as its header names them: Resent-* fields before the others (RFC 5322 3.6.6). */
  readonly envelope: { readonly reversePath: string | undefined; readonly recipients: readonly string[] };
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
  const value = (name: string) => fieldValue(fields, name);
  const resent = fields.some(({ name }) => /^resent-(?:to|cc|bcc)$/i.test(name));
  const prefix = resent ? 'resent-' : '';
  const wanted = new Set([`${prefix}to`, `${prefix}cc`, `${prefix}bcc`]);
  const recipients = new Set<string>();
  for (const { name, value: list } of fields) {
    if (!wanted.has(name.toLowerCase())) continue;
    for (const { address } of readAddresses(list)) if (address !== '') recipients.add(wireAddress(address));
  }
  const author = value(`${prefix}sender`) ?? value(`${prefix}from`) ?? value('sender') ?? value('from');
  const [sender] = author === undefined ? [] : readAddresses(author);
  return {
    size: size - dropped,
    eightBit,
    messageId: value('message-id'),
    envelope: {
      reversePath: sender === undefined || sender.address === '' ? undefined : wireAddress(sender.address),
      recipients: [...recipients],
    },
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
