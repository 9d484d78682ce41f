import { DataError } from '../errors.ts';
import { type Mailbox, mailboxTokens, parseAddressList, wireAddress } from './address.ts';
import type { Attachment } from './attachment.ts';
import { bodyOf } from './body.ts';
import { checkFieldName, checkText, field, textField, wordLimit } from './header.ts';
import { dateText, messageIdOf, newMessageId, UNIQUE, type Uniqueness } from './ids.ts';
import { type Allowed, gathered, type Part, partBytes, partSize, type Takes } from './part.ts';
import type { Source } from './source.ts';

/** A message as a person thinks of it. */
export interface Draft {
  readonly from: Mailbox;
  /** Who sends it for `from`. */
  readonly sender?: Mailbox;
  readonly replyTo?: readonly Mailbox[];
  readonly to: readonly Mailbox[];
  readonly cc?: readonly Mailbox[];
  /** In the envelope only. */
  readonly bcc?: readonly Mailbox[];
  readonly subject?: string;
  /** A string, or UTF-8 (failing that, windows-1252) from a source. */
  readonly text?: string | Source;
  /** Without a text beside it, one is made of it for readers that show no HTML. */
  readonly html?: string | Source;
  /** Of the text and the HTML, such as `gb2312` or `iso-8859-1`; UTF-8 when absent. Each character has to be in it. */
  readonly charset?: string;
  /**
   * The folder where images are that the HTML names by relative paths: they go with it, each once. Absent: such paths stay
   * as they are. Images that are elsewhere in the world are never loaded.
   */
  readonly htmlFolder?: string;
  /** Those that the HTML names, as `cid:` and the content id, are shown in it. */
  readonly attachments?: readonly Attachment[];
  /** An invitation or another iCalendar file: an alternative to the text, for readers that act on it, and a file beside it. */
  readonly calendar?: Source;
  /** Messages that go with this one as they are. */
  readonly forwarded?: readonly Source[];
  /** Fields beyond those above; text that is not ASCII is encoded. */
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
  readonly priority?: 'high' | 'normal' | 'low';
  readonly date?: Date;
  /** With or without angle brackets. */
  readonly messageId?: string;
  readonly inReplyTo?: string;
  /** The identifiers of the messages before this one, oldest first; the one that is answered alone when absent. */
  readonly references?: readonly string[];
  /**
   * The most that the server is given where it offers it. `7bit` passes every relay and keeps later signatures whole; `8bit`
   * is any text as it is; `binary` attachments, too, in chunks. `auto`, the usual: 7bit, but text that would be base64
   * (mostly not ASCII) as it is.
   */
  readonly encoding?: 'auto' | '7bit' | '8bit' | 'binary';
}

/**
 * A finished message: its bytes as often as they are asked for, and what is known of them beforehand. A chunk is only good
 * until the next is asked for. A source that has changed since it was measured fails them with a `DataError` (one that
 * cannot be read any more with an `InputError`) before their end.
 */
export interface Composed extends AsyncIterable<Uint8Array> {
  /** Octets, exact. */
  readonly size: number;
  /** With its angle brackets. */
  readonly messageId: string;
  /** Whether any octet is above 127. */
  readonly eightBit: boolean;
  /** Whether an address in the header is not ASCII before its @ (RFC 6532). */
  readonly smtpUtf8: boolean;
  /** Whether it is more than lines (RFC 3030 3). */
  readonly binary: boolean;
  /** The message in the form that its draft allows for such a server; as it is, it is for all. */
  prepared(server: Takes): Composed;
}

/**
 * Builds the message of a draft. Every part is measured and checked here; attachments are read when the bytes are. Rejects
 * with `DataError` for what cannot be in a message.
 */
export async function compose(draft: Draft, unique: Uniqueness = UNIQUE): Promise<Composed> {
  // Hidden recipients are in no field, but a draft that cannot be sent to them is no message either.
  if (draft.bcc !== undefined) addressField('Bcc', draft.bcc);
  const messageId =
    draft.messageId === undefined
      ? newMessageId(domainOf(draft.from), unique)
      : messageIdOf(draft.messageId, 'the Message-ID');
  const body = await bodyOf(draft, unique, domainOf(draft.from));
  const header = `${headerOf(draft, messageId, unique)}MIME-Version: 1.0\r\n`;
  const smtpUtf8 = /[^\0-\x7f]/.test(header);
  const composed = (form: Part): Composed => {
    const message: Part = { ...form, header: header + form.header };
    return {
      size: partSize(message),
      messageId,
      eightBit: smtpUtf8 || form.needs !== undefined,
      smtpUtf8,
      binary: form.needs === 'binary',
      prepared: (server) => composed(body.within?.(allowedBy(draft.encoding, server)) ?? body),
      [Symbol.asyncIterator]: () => gathered(partBytes(message)),
    };
  };
  return composed(body);
}

function allowedBy(encoding: Draft['encoding'] = 'auto', { eightBit, binary }: Takes): Allowed {
  return {
    eightBit: !eightBit || encoding === '7bit' ? 'none' : encoding === 'auto' ? 'dense' : 'any',
    binary: binary && encoding === 'binary',
  };
}

/** Who sends (Sender, or else From) and who receives, by the same addresses as in the header: To, Cc and Bcc in order, each once. */
export function envelopeOf(draft: Draft): {
  readonly reversePath: string;
  readonly recipients: readonly string[];
} {
  const recipients = new Set<string>();
  for (const { address } of [...draft.to, ...(draft.cc ?? []), ...(draft.bcc ?? [])])
    recipients.add(wireAddress(address));
  return { reversePath: wireAddress((draft.sender ?? draft.from).address), recipients: [...recipients] };
}

/** The domain for identifiers of who writes. */
export function domainOf({ address }: Mailbox): string {
  const domain = wireAddress(address).slice(address.lastIndexOf('@') + 1);
  return /[^\0-\x7f]/.test(domain) || domain.startsWith('[') ? 'localhost' : domain;
}

/** Fields that a draft has a place for, or that the message's structure decides. */
const OWN_FIELDS = new Map([
  ['from', '--from'],
  ['to', '--to'],
  ['cc', '--cc'],
  ['bcc', '--bcc'],
  ['reply-to', '--reply-to'],
  ['subject', '--subject'],
  ['date', '--date'],
  ['message-id', '--message-id'],
  ['in-reply-to', '--in-reply-to'],
  ['resent-bcc', '--bcc'],
  ['mime-version', undefined],
]);

function headerOf(draft: Draft, messageId: string, unique: Uniqueness): string {
  const { from, sender, replyTo, to, cc, subject, priority, headers = [] } = draft;
  let header = field('Date', [dateText(draft.date ?? unique.now)]);
  header += addressField('From', [from]);
  if (sender !== undefined) header += addressField('Sender', [sender]);
  if (replyTo !== undefined && replyTo.length > 0) header += addressField('Reply-To', replyTo);
  // A message that shows nobody says so, or relays put what they think there.
  header +=
    to.length > 0 ? addressField('To', to) : cc?.length ? '' : field('To', ['undisclosed-recipients:;']);
  if (cc !== undefined && cc.length > 0) header += addressField('Cc', cc);
  if (subject !== undefined) header += textField('Subject', subject);
  header += field('Message-ID', [messageId]);
  header += threadFields(draft);
  if (priority !== undefined) header += PRIORITY_FIELDS[priority];
  refuseTwice(header, headers);
  for (const { name, value } of headers) header += freeField(name, value);
  return header;
}

function threadFields({ inReplyTo, references, headers }: Draft): string {
  const parent = inReplyTo === undefined ? [] : [messageIdOf(inReplyTo, 'the message that is answered')];
  let fields = parent.length > 0 ? field('In-Reply-To', parent) : '';
  const typed = headers?.some(({ name }) => name.toLowerCase() === 'references') === true;
  const thread = references?.map((id) => messageIdOf(id, 'a reference')) ?? (typed ? [] : parent);
  if (thread.length > 0) fields += field('References', thread);
  return fields;
}

/** X-Priority is what most readers look at; Importance (RFC 2156 5.3.4) and Priority (5.3.6) are what is standard. */
const PRIORITY_FIELDS = {
  high: 'X-Priority: 1\r\nPriority: urgent\r\nImportance: high\r\n',
  normal: 'X-Priority: 3\r\nPriority: normal\r\nImportance: normal\r\n',
  low: 'X-Priority: 5\r\nPriority: non-urgent\r\nImportance: low\r\n',
} as const;

/** Free fields that a message has once at most (RFC 5322 3.6), or that readers would take from one of two. */
const ONCE = new Set(['sender', 'references', 'x-priority', 'priority', 'importance', 'return-path']);

function refuseTwice(header: string, headers: readonly { readonly name: string }[]): void {
  const present = new Set(header.toLowerCase().match(/^[!-9;-~]+(?=:)/gm));
  for (const { name } of headers) {
    const key = name.toLowerCase();
    if (ONCE.has(key) && present.has(key)) {
      throw new DataError(`the header field ${name} would be there twice`, {
        stage: 'compose',
        hint: 'a message has it once',
      });
    }
    present.add(key);
  }
}

/** A field of addresses; `DataError` for what cannot be in one. */
export function addressField(name: string, mailboxes: readonly Mailbox[]): string {
  const last = mailboxes.length - 1;
  const tokens = mailboxes.flatMap((mailbox, index) => {
    checkText(`the name in ${name}`, mailbox.name);
    checkText(`the address in ${name}`, mailbox.address);
    const own = mailboxTokens(mailbox, wordLimit(name));
    return index < last ? [...own.slice(0, -1), `${own.at(-1)},`] : own;
  });
  return field(name, tokens);
}

function freeField(name: string, value: string): string {
  checkFieldName(name);
  const key = name.toLowerCase();
  if (OWN_FIELDS.has(key) || key.startsWith('content-')) {
    const flag = OWN_FIELDS.get(key);
    throw new DataError(`the header field ${name} cannot be set freely`, {
      stage: 'compose',
      hint: flag === undefined ? 'it follows from the parts of the message' : `use ${flag} for it`,
    });
  }
  // In quotes, an encoded word would be none (RFC 2047 5 (3)).
  if (OF_ADDRESSES.test(key) && /[^\0-\x7f]/.test(value)) return addressField(name, parseAddressList(value));
  return textField(name, value);
}

/** Free fields that name people. */
const OF_ADDRESSES =
  /^(?:sender|resent-(?:from|sender|to|cc|reply-to)|(?:disposition-notification|return-receipt|errors|mail-followup|mail-reply)-to)$/;
