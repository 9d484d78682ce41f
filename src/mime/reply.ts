import { DataError } from '../errors.ts';
import { type Mailbox, wireAddress } from './address.ts';
import { messageIdOf } from './ids.ts';
import { headerOfMessage } from './message-header.ts';
import { fieldValue, type HeaderField, readAddresses } from './read-header.ts';
import type { Source } from './source.ts';

/** What an answer to a message takes from it. */
export interface ReplyFields {
  /** The message that is answered; undefined where it has no identifier. */
  readonly inReplyTo: string | undefined;
  /** Of the thread, oldest first. */
  readonly references: readonly string[];
  /** Who wants the answers (RFC 5322 3.6.2): Reply-To, or else From. `DataError` where neither names anybody. */
  readonly to: readonly Mailbox[];
}

/** So many messages of a thread are named: the first, and the last ones. */
const REFERENCES_LIMIT = 20;
/** So much of a field is looked at. */
const FIELD_LIMIT = 64 * 1024;

/** The thread and the recipients of an answer to `source` (RFC 5322 3.6.4). What cannot be read there is passed over. */
export async function replyFields(source: Source): Promise<ReplyFields> {
  const fields = await headerOfMessage(source);
  const [parent] = identifiers(fields, 'message-id');
  const earlier = identifiers(fields, 'references');
  const before = identifiers(fields, 'in-reply-to');
  // Where there are no references, the one message that was answered is as good.
  const thread = earlier.length === 0 && before.length === 1 ? before : earlier;
  const all = [...thread.filter((id) => id !== parent), ...(parent === undefined ? [] : [parent])];
  const references =
    all.length <= REFERENCES_LIMIT ? all : [...all.slice(0, 1), ...all.slice(1 - REFERENCES_LIMIT)];
  return {
    inReplyTo: parent,
    references,
    get to() {
      return recipients(fields);
    },
  };
}

function identifiers(fields: readonly HeaderField[], name: string): string[] {
  const value = (fieldValue(fields, name) ?? '').slice(-FIELD_LIMIT);
  const found = new Set<string>();
  for (const id of value.match(/<[^<>\s]{1,900}>/g) ?? []) {
    try {
      found.add(messageIdOf(id, name));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return [...found];
}

function recipients(fields: readonly HeaderField[]): Mailbox[] {
  for (const name of ['reply-to', 'from']) {
    const value = fieldValue(fields, name);
    const found = value === undefined ? [] : readAddresses(value).filter(({ address }) => address !== '');
    if (found.length === 0) continue;
    return found.map((mailbox) => {
      try {
        wireAddress(mailbox.address);
      } catch (cause) {
        throw nobody(`${name} of the message has ${JSON.stringify(mailbox.address)}`, cause);
      }
      // What another message says is no attack of who sends this one, and no reason to refuse it.
      return { ...mailbox, name: mailbox.name.replace(/[\s\0-\x1f\x7f-\x9f]+/g, ' ').trim() };
    });
  }
  throw nobody('the message names no sender');
}

function nobody(why: string, cause?: unknown): DataError {
  return new DataError(`nobody to answer to: ${why}`, {
    stage: 'compose',
    cause,
    hint: 'say who gets the answer with -t ADDRESS',
  });
}
