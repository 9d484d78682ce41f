import type { HeaderField } from '../read-header.ts';
import type { Parameterised } from './parameters.ts';
import type { ReadLimits } from './types.ts';
import type { Warnings } from './warnings.ts';

/** One entity of a message (RFC 2045 2.4): the message itself, a part, or a message within. */
export interface Entity {
  /** As in IMAP; empty for a message, whose parts are numbered below it. */
  number: string;
  readonly fields: readonly HeaderField[];
  /** Its header, where that has octets which are not UTF-8. */
  readonly oddHead: Uint8Array | undefined;
  /** In small letters, as it is read: `text/plain` for a multipart without parts. */
  type: string;
  readonly contentType: Parameterised;
  /** In small letters; `7bit` where none is named. */
  readonly encoding: string;
  /** Parts of a multipart; for a message within, the one entity that it is. */
  readonly children: Entity[];
  /** Octets of its body as they are in the message, not decoded. */
  body: Uint8Array;
}

/** What a walk shares with the walks of messages within that had to be decoded first. */
export interface Budget {
  readonly limits: ReadLimits;
  readonly warnings: Warnings;
  /** Parts that may still be made. */
  parts: number;
  /** Lines that were looked at, and levels that were searched for them: what the work is in proportion to. */
  steps: number;
}

/** Where an entity is: what stands around it. */
export interface Place {
  readonly number: string;
  readonly depth: number;
  /** How many messages it is within. */
  readonly messages: number;
  /** It is a message, or what a message within is. */
  readonly isMessage: boolean;
  readonly defaultType: string;
}

/** That of a message which is read. */
export const ROOT: Place = { number: '', depth: 0, messages: 0, isMessage: true, defaultType: 'text/plain' };

/** Whether the type is that of a message within (RFC 2046 5.2.1, RFC 6532 3.7). */
export function isMessageType(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global';
}

/** The place of a message within. */
export function within({ number }: Entity, { depth, messages }: Place): Place {
  return { number, depth: depth + 1, messages: messages + 1, isMessage: true, defaultType: 'text/plain' };
}

/** The number of a part of what has that number. */
export function below(number: string, index: number): string {
  return number === '' ? String(index) : `${number}.${index}`;
}

/** What is not taken apart any more. */
export function opaque(number: string, body: Uint8Array): Entity {
  const type = 'application/octet-stream';
  const contentType = { value: type, parameters: new Map<string, string>() };
  return {
    number,
    fields: [],
    oddHead: undefined,
    type,
    contentType,
    encoding: 'binary',
    children: [],
    body,
  };
}
