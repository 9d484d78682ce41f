import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Mailbox } from '../../mime/index.ts';
import { type AccountKey, accountFileName } from '../../store/names.ts';
import type { Row } from '../selection.ts';
import type { Summary } from './summaries.ts';

const HEAD = 'mailtool-headers\t1\n';
/** The oldest entries go when there are more, or more octets. */
const ENTRIES = 20_000;
const OCTETS = 4 * 1024 * 1024;
/** What is longer is asked for again each time. */
const LONGEST = 4_096;
const MESSAGE_ID = /^<[^<>\s]{1,500}>$/;
/** What a killed run was writing this long ago nobody is writing any more. */
const STALE_MS = 60_000;

/** A message that has a unique-id. */
type Known = Pick<Row, 'size'> & { readonly uid: string };

/**
 * What `list` shows of messages, so that TOP need not be asked for it twice: by unique-id, and size to be sure, in a file of
 * the account. Nothing in it hurts to lose: whatever is wrong with the file, it is as if there were none, and no method throws.
 * It holds what came from the network, and is believed no more than that.
 */
export class HeaderCache {
  readonly path: string;
  readonly #text: string;
  /** Where what has been looked at begins: that is done from the end, where the newest are. */
  #from: number;
  /** Lines of that part by their first two fields, the newest first. */
  readonly #lines = new Map<string, string>();
  /** What is not in the file, the oldest first. */
  readonly #fresh = new Map<string, string>();

  private constructor(path: string, text: string) {
    this.path = path;
    this.#text = text.startsWith(HEAD) ? text : HEAD;
    this.#from = this.#text.lastIndexOf('\n') + 1;
  }

  static open(directory: string, account: AccountKey): HeaderCache {
    const path = join(directory, `${accountFileName(account)}.headers`);
    return new HeaderCache(path, read(path));
  }

  get(message: Known): Summary | undefined {
    const rest = this.#find(keyOf(message));
    return rest === undefined ? undefined : summaryOf(rest);
  }

  /** Takes note of it, as the newest. */
  set(message: Known, summary: Summary): void {
    const { date, from, to, subject, messageId } = summary;
    // A server that was out of sorts may have sent nothing.
    if (date === undefined && from.length === 0 && subject === '' && messageId === undefined) return;
    const pairs = (list: readonly Mailbox[]) => list.map(({ name, address }) => [name, address]);
    const rest = ascii([date?.getTime() ?? null, pairs(from), pairs(to), subject, messageId ?? null]);
    const key = keyOf(message);
    if (key.length + rest.length > LONGEST || this.#find(key) === rest) return;
    this.#fresh.delete(key);
    this.#fresh.set(key, rest);
  }

  /** Writes what is new, for the owner only; of two runs at once one may be lost. */
  save(): void {
    if (this.#fresh.size === 0) return;
    try {
      write(this.path, this.#whole());
    } catch {
      // A full or read-only disk, a directory of somebody else: the next list asks the server again.
    }
  }

  #find(key: string): string | undefined {
    return this.#fresh.get(key) ?? this.#lines.get(key) ?? this.#lookFor(key);
  }

  /** Looks through the rest of the file, as far as it takes; without `key` to its beginning. */
  #lookFor(key?: string): string | undefined {
    while (this.#from > HEAD.length) {
      const end = this.#from - 1;
      this.#from = this.#text.lastIndexOf('\n', end - 1) + 1;
      if (end - this.#from > LONGEST + 1) continue;
      // Nothing is looked for beyond the line: a file without a tab would be gone through to its end for each.
      const line = this.#text.slice(this.#from, end);
      const first = line.indexOf('\t');
      const second = line.indexOf('\t', first + 1);
      if (first === -1 || second === -1) continue;
      const found = line.slice(0, second);
      if (this.#lines.has(found)) continue;
      const rest = line.slice(second + 1);
      this.#lines.set(found, rest);
      if (found === key) return rest;
    }
    return undefined;
  }

  #whole(): string {
    this.#lookFor();
    const kept: string[] = [];
    let octets = HEAD.length;
    const known = [...this.#lines].filter(([key]) => !this.#fresh.has(key));
    for (const [key, rest] of [...[...this.#fresh].reverse(), ...known]) {
      const line = `${key}\t${rest}\n`;
      octets += line.length;
      if (kept.length >= ENTRIES || octets > OCTETS) break;
      kept.push(line);
    }
    return HEAD + kept.reverse().join('');
  }
}

/** Where caches are: `mailtool` in `XDG_CACHE_HOME` (a relative one is ignored) or in `~/.cache`; undefined: nowhere. */
export function cacheDirectory(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'mailtool');
  const home = env['HOME'];
  // A home that is not there, as services have, is not made for this.
  return home !== undefined && isAbsolute(home) && existsSync(home)
    ? join(home, '.cache', 'mailtool')
    : undefined;
}

function keyOf({ uid, size }: Known): string {
  return `${ascii(uid)}\t${size}`;
}

/** JSON in ASCII: one octet is one character, which is read fast. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Empty where there is nothing that can be used. */
function read(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    const stats = fstatSync(fd);
    return stats.isFile() && stats.size <= OCTETS && isOurs(stats.uid) ? readFileSync(fd, 'latin1') : '';
  } catch {
    return '';
  } finally {
    closeSync(fd);
  }
}

function write(path: string, text: string): void {
  const directory = join(path, '..');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!isOurs(statSync(directory).uid)) return;
  const fresh = `${path}.tmp`;
  let fd: number;
  try {
    fd = openSync(fresh, 'wx', 0o600);
  } catch (error) {
    if (Date.now() - statSync(fresh).mtimeMs > STALE_MS) unlinkSync(fresh);
    throw error;
  }
  try {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    renameSync(fresh, path);
  } catch (error) {
    unlinkSync(fresh);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** What somebody else put there is not read, and nothing is written where somebody else rules. */
function isOurs(uid: number): boolean {
  return process.geteuid === undefined || process.geteuid() === uid;
}

/** Undefined: it is damaged. */
function summaryOf(json: string): Summary | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 5) return undefined;
  const [time, from, to, subject, messageId] = fields as readonly unknown[];
  const date = typeof time === 'number' ? new Date(time) : undefined;
  const [senders, recipients] = [mailboxesOf(from), mailboxesOf(to)];
  const isSound =
    (time === null || (date !== undefined && !Number.isNaN(date.getTime()))) &&
    typeof subject === 'string' &&
    (messageId === null || (typeof messageId === 'string' && MESSAGE_ID.test(messageId)));
  if (!isSound || senders === undefined || recipients === undefined) return undefined;
  return { date, from: senders, to: recipients, subject, messageId: messageId ?? undefined };
}

function mailboxesOf(pairs: unknown): readonly Mailbox[] | undefined {
  if (!Array.isArray(pairs)) return undefined;
  const all: Mailbox[] = [];
  for (const pair of pairs as readonly unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    const [name, address] = pair as readonly unknown[];
    if (typeof name !== 'string' || typeof address !== 'string') return undefined;
    all.push({ name, address });
  }
  return all;
}
