import { isUtf8 } from 'node:buffer';
import { DataError, UnsupportedError } from '../errors.ts';
import { parseAddressList, wireAddress } from './address.ts';
import { withoutHidden } from './header-block.ts';
import type { Takes } from './part.ts';
import { fieldValue, type HeaderField, parseHeader } from './read-header.ts';
import type { Changes } from './seven-bit.ts';
import type { Source } from './source.ts';
import { type Edit, spliced } from './splice.ts';
import { hasNul, type Survey, survey, tooLong } from './survey.ts';

/** A finished message that somebody else made, ready to be sent on. */
export interface RawMessage extends AsyncIterable<Uint8Array> {
  /** Octets with CRLF line ends, without the fields that are left out. */
  readonly size: number;
  readonly eightBit: boolean;
  /** Whether its header holds UTF-8, and goes out so. */
  readonly smtpUtf8?: boolean;
  /**
   * The message for a server that takes so much. Without 8BITMIME its 8-bit parts are encoded anew; `UnsupportedError` where
   * that would break a signature, or where 8-bit octets are in a header. With SMTPUTF8 a header in UTF-8 is announced.
   */
  prepared(server: Takes): Promise<RawMessage>;
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

/**
 * Takes a message as it is: only line ends are made CRLF, and Bcc and Resent-Bcc are left out. Parts with lines that no
 * server has to take (longer than 998 octets, or with a NUL) are encoded anew; where that cannot be, because they are signed
 * for instance, it is a `DataError`: cutting lines would change the message.
 */
export async function rawMessage(source: Source): Promise<RawMessage> {
  const found = await survey(source);
  const line = found.longLine ?? found.nulLine;
  if (line === undefined && !found.mixedEnds) return spliceOf(source, found, UNCHANGED);
  const { changesFor } = await import('./seven-bit.ts');
  const refuse = (why: string) => {
    const hint = `encode that part as quoted-printable or base64: it is not done here, since ${why}`;
    return line === found.longLine && line !== undefined ? tooLong(line, hint) : hasNul(line ?? 0, hint);
  };
  try {
    return spliceOf(source, found, await changesFor(source, '8bit', refuse));
  } catch (error) {
    // Line ends alone are no reason to send nothing.
    if (line === undefined && error instanceof DataError) return spliceOf(source, found, UNCHANGED);
    throw error;
  }
}

const UNCHANGED: Changes = { edits: [], eightBit: true };

/** The message with these changes, and without its hidden fields. */
function spliceOf(source: Source, found: Survey, changes: Changes): RawMessage {
  const edits = hiding(found, changes.edits);
  const size = edits.reduce((sum, edit) => sum + edit.size - edit.was, found.size);
  const fields = parseHeader(found.head);
  const message: RawMessage = {
    size,
    eightBit: found.eightBit && changes.eightBit,
    messageId: fieldValue(fields, 'message-id'),
    envelope: envelopeIn(fields),
    [Symbol.asyncIterator]: () => spliced(source, edits, size),
    async prepared({ eightBit, utf8 }) {
      if (!message.eightBit) return message;
      if (!eightBit) return spliceOf(source, found, await sevenBit(source));
      return utf8 && hasUtf8(withoutHidden(found.head)) ? { ...message, smtpUtf8: true } : message;
    },
  };
  return message;
}

async function sevenBit(source: Source): Promise<Changes> {
  const { changesFor } = await import('./seven-bit.ts');
  return await changesFor(
    source,
    '7bit',
    (why) =>
      new UnsupportedError(
        `the message has 8-bit content, which the server does not take, and cannot be encoded anew: ${why}`,
        '8BITMIME',
        {
          stage: 'mail',
          hint: 'send it by a server that offers 8BITMIME, or have it made (and signed) again in 7-bit form',
        },
      ),
  );
}

/** Whether a header is of the kind that SMTPUTF8 is about (RFC 6532 3.2), and not of another charset. */
function hasUtf8(head: Buffer): boolean {
  return head.some((octet) => octet > 127) && isUtf8(head);
}

/** The edits, with one of the header that takes the hidden fields out. */
function hiding({ head, headOctets }: Survey, edits: readonly Edit[]): readonly Edit[] {
  const [first, ...others] = edits;
  const isOfHeader = first?.from === 0 && first.made instanceof Uint8Array;
  const made = withoutHidden(isOfHeader ? Buffer.from(first.made as Uint8Array) : head);
  if (!isOfHeader && made === head) return edits;
  const edit = { from: 0, to: headOctets, was: head.length, size: made.length, made };
  return [edit, ...(isOfHeader ? others : edits)];
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
