import type { MessageId } from './names.ts';

/** What is known of a message: `new` was seen on the server and is not here yet, `failed` could not be fetched or stored. */
export type MessageState = 'new' | 'stored' | 'delete-pending' | 'deleted' | 'failed';

/** Times are in seconds since 1970. */
export interface Entry {
  readonly state: MessageState;
  readonly firstSeen: number;
  /** The run that missed it in the listing first; 0: it is there, as far as is known. */
  readonly absentSince: number;
  /** How often in a row it could not be fetched or stored. */
  readonly failures: number;
}

const LETTERS = { new: 'N', stored: 'S', 'delete-pending': 'P', deleted: 'D', failed: 'F' } as const;
const STATES: ReadonlyMap<string, MessageState> = new Map(
  Object.entries(LETTERS).map(([state, letter]) => [letter, state as MessageState]),
);

/** In the memory: one string for a message. A unique-id never has a line end in it. */
export function keyOf({ uniqueId, occurrence }: MessageId): string {
  return occurrence === 1 ? uniqueId : `${uniqueId}\n${occurrence}`;
}

export function idOf(key: string): MessageId {
  const at = key.indexOf('\n');
  return at === -1
    ? { uniqueId: key, occurrence: 1 }
    : { uniqueId: key.slice(0, at), occurrence: Number(key.slice(at + 1)) };
}

/** One line, ending included: a checksum, the whole state, and the id as JSON in ASCII. The last line of an id counts. */
export function lineOf(key: string, { state, firstSeen, absentSince, failures }: Entry): string {
  const { uniqueId, occurrence } = idOf(key);
  return signed(
    `${LETTERS[state]}\t${firstSeen}\t${absentSince}\t${failures}\t${occurrence}\t${ascii(uniqueId)}`,
  );
}

/** Undefined: it is damaged. */
export function readLine(line: string): { readonly key: string; readonly entry: Entry } | undefined {
  const text = verified(line);
  // A unique-id has its tabs as JSON has them.
  const fields = text?.split('\t');
  if (fields?.length !== 6) return undefined;
  const [letter = '', firstSeen, absentSince, failures, occurrence, json = ''] = fields;
  const state = STATES.get(letter);
  const uniqueId = unquoted(json);
  if (state === undefined || uniqueId === undefined) return undefined;
  return {
    key: keyOf({ uniqueId, occurrence: Number(occurrence) }),
    entry: {
      state,
      firstSeen: Number(firstSeen),
      absentSince: Number(absentSince),
      failures: Number(failures),
    },
  };
}

const FORMAT = 'mailtool-journal';
const VERSION = 1;

/** The first line: what this file is, and of whom. */
export function headerOf(account: string): string {
  return signed(`${FORMAT}\t${VERSION}\t${ascii(account)}`);
}

/** `unreadable`: no header, or a broken one. `newer`: by a later version of this program. */
export function readHeader(line: string): { readonly account: string } | 'newer' | 'unreadable' {
  const [format, version, account] = (verified(line) ?? '').split('\t');
  if (format !== FORMAT) return 'unreadable';
  if (version !== String(VERSION)) return 'newer';
  const name = unquoted(account ?? '');
  return name === undefined ? 'unreadable' : { account: name };
}

function signed(text: string): string {
  return `${checksum(text, 0).toString(16).padStart(8, '0')}\t${text}\n`;
}

const SIGNED = /^[0-9a-f]{8}\t/;

function verified(line: string): string | undefined {
  const sound = SIGNED.test(line) && Number.parseInt(line.slice(0, 8), 16) === checksum(line, 9);
  return sound ? line.slice(9) : undefined;
}

/** FNV-1a of what follows `start`: it is to notice damage, not malice. */
function checksum(text: string, start: number): number {
  let sum = 0x811c9dc5;
  for (let at = start; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}

function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function unquoted(json: string): string | undefined {
  if (json.length < 2 || json[0] !== '"' || json[json.length - 1] !== '"') return undefined;
  if (!json.includes('\\')) return json.slice(1, -1);
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
