import { createHash } from 'node:crypto';
import type { Disk } from './disk.ts';
import { writeAll } from './writing.ts';

const BLOCK = 256 * 1024;

/** One message in a spool: octets `start` to `start + length` of it, `size` of them as they came from the server. */
export interface SpoolEntry {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly size: number;
}

/** What a spool says at its end: where its text was about to go. */
export interface Seal {
  /** The mbox's size before. */
  readonly offset: number;
  /** What the mbox lacked at its end: an empty line comes before each message. */
  readonly gap: string;
  /** Octets of text in the spool. */
  readonly length: number;
  readonly entries: readonly SpoolEntry[];
}

const TAIL = 40;

/**
 * Writes the seal behind the text. The spool then tells the next run, should this one be killed, what it was about to add
 * to the mbox, and where.
 */
export function seal(disk: Disk, path: string, fd: number, content: Seal): void {
  const json = Buffer.from(JSON.stringify(content));
  const tail = `\nmailtool-spool ${String(json.length).padStart(TAIL - 17)}\n`;
  writeAll(disk, path, fd, Buffer.concat([json, Buffer.from(tail)]), content.length);
}

/** Undefined: nothing was added to the mbox yet. */
export function readSeal(disk: Disk, fd: number): Seal | undefined {
  const { size } = disk.fstat(fd);
  const tail = readAt(disk, fd, size - TAIL, TAIL).toString('latin1');
  const length = Number(/^\nmailtool-spool +(\d+)\n$/.exec(tail)?.[1] ?? Number.NaN);
  if (!(length > 0 && length <= size - TAIL)) return undefined;
  try {
    const found: unknown = JSON.parse(readAt(disk, fd, size - TAIL - length, length).toString());
    return isSeal(found) && found.length + length + TAIL === size ? found : undefined;
  } catch {
    return undefined;
  }
}

function isSeal(value: unknown): value is Seal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'offset' in value &&
    typeof value.offset === 'number' &&
    'length' in value &&
    typeof value.length === 'number' &&
    'gap' in value &&
    typeof value.gap === 'string' &&
    'entries' in value &&
    Array.isArray(value.entries)
  );
}

/** How far an mbox got what a spool holds. `foreign`: there is something else in its place. */
export function progress(
  disk: Disk,
  spool: number,
  mbox: number,
  { offset, gap, length }: Seal,
): 'nothing' | 'part' | 'all' | 'foreign' {
  const { size } = disk.fstat(mbox);
  if (size <= offset) return 'nothing';
  const gapThere = readAt(disk, mbox, offset, gap.length);
  if (!Buffer.from(gap).subarray(0, gapThere.length).equals(gapThere)) return 'foreign';
  const begin = offset + gap.length;
  const end = Math.min(size, begin + length);
  for (let at = begin; at < end; at += BLOCK) {
    const part = Math.min(BLOCK, end - at);
    if (!readAt(disk, mbox, at, part).equals(readAt(disk, spool, at - begin, part))) return 'foreign';
  }
  return end === begin + length ? 'all' : 'part';
}

/** SHA-256 of a message's text without the line that says when it came. */
export function digestOf(disk: Disk, spool: number, { start, length }: SpoolEntry): string {
  const hash = createHash('sha256');
  let inText = false;
  for (let at = start; at < start + length; ) {
    const bytes = readAt(disk, spool, at, Math.min(BLOCK, start + length - at));
    if (bytes.length === 0) break;
    at += bytes.length;
    // The line is far shorter than a block.
    hash.update(inText ? bytes : bytes.subarray(bytes.indexOf(0x0a) + 1));
    inText = true;
  }
  return hash.digest('hex');
}

/** As much of it as there is. */
export function readAt(disk: Disk, fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, length));
  let at = 0;
  while (position >= 0 && at < bytes.length) {
    const read = disk.read(fd, bytes.subarray(at), position + at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}
