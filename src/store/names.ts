import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

/** Whose mail it is. */
export interface AccountKey {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** A message on its server: unique-ids should differ, and sometimes do not (RFC 1939 7), so equal ones are counted from 1. */
export interface MessageId {
  readonly uniqueId: string;
  readonly occurrence: number;
}

/** Counts equal unique-ids in the order of the listing. */
export function numbered<T extends { readonly uniqueId: string }>(
  listing: readonly T[],
): (T & { readonly occurrence: number })[] {
  const count = new Map<string, number>();
  return listing.map((row) => {
    const occurrence = (count.get(row.uniqueId) ?? 0) + 1;
    count.set(row.uniqueId, occurrence);
    return { ...row, occurrence };
  });
}

/**
 * Names for the files of one account: the same message always gets the same, so that one which is there already, after a
 * crash or without its journal, is recognised. A hash, as a unique-id is the server's text and no file name.
 */
export class MessageNames {
  /** Begins every name of this account: 10 letters and digits. */
  readonly prefix: string;
  readonly #account: string;

  constructor(account: AccountKey) {
    this.#account = accountText(account);
    this.prefix = `mt${digest(this.#account, 8)}`;
  }

  /** 35 letters, digits and a dash. */
  of({ uniqueId, occurrence }: MessageId): string {
    return `${this.prefix}-${digest(`${this.#account}\0${occurrence}\0${uniqueId}`, 24)}`;
  }
}

/** What `MessageNames` gives, somewhere in a file name; `_2` behind it marks another text under the same unique-id. */
export const NAME_PATTERN = '(mt[0-9a-f]{8}-[0-9a-f]{24})(?:_[0-9]+)?';

/** A file name for what is kept about an account: readable, and unlike that of any other. */
export function accountFileName(account: AccountKey): string {
  const readable = `${account.host}_${account.user}`.toLowerCase().replace(/[^a-z0-9.@_-]+/g, '-');
  return `${readable.replace(/^[.-]+/, '').slice(0, 60)}-${digest(accountText(account), 16)}`;
}

/** This machine's name as a part of file names: `/` and `:` as the Maildir page asks, other oddities dropped. */
export function hostPart(host: string = hostname()): string {
  const escaped = host
    .replaceAll('/', '\\057')
    .replaceAll(':', '\\072')
    .replace(/[^\x21-\x7e]/g, '');
  return escaped.slice(0, 64) || 'localhost';
}

function accountText({ host, port, user }: AccountKey): string {
  return `${host.toLowerCase()}\0${port}\0${user}`;
}

function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
