/** Where octets are read from: a file, or what came through a pipe. */
export interface Octets {
  readonly size: number;
  /** The octets from `position` on, fewer only at the end. */
  read(position: number, length: number): Promise<Buffer>;
}

/** A message within an mbox: its octets as they stand there, quoted. */
export interface MboxExtent {
  readonly start: number;
  readonly end: number;
}

const LF = 0x0a;
const CR = 0x0d;
const GREATER = 0x3e;
const WINDOW = 1024 * 1024;
/** A line that begins a message is not longer; so much of one window is looked at again with the next. */
const LINE_LIMIT = 1_024;
/** No mbox has more messages. */
const MESSAGES_LIMIT = 5_000_000;
/** `From ann@example.org Sat Nov 21 06:00:00 2026`, with whatever programs put between. */
const SEPARATOR = /^From .*\d\d:\d\d.*\d{4}/;

/** Whether what begins like this is an mbox. */
export function isMbox(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 5)).toString('latin1') === 'From ';
}

/**
 * Where the messages of an mbox are (RFC 4155): each begins after a `From ` line at the start, or behind an empty line.
 * Reads it once, in little memory.
 */
export async function mboxExtents(source: Octets): Promise<MboxExtent[]> {
  const lines: { readonly at: number; readonly next: number }[] = [];
  for (let at = 0; at < source.size && lines.length < MESSAGES_LIMIT; at += WINDOW) {
    // A little of what was before, for the empty line, and of what comes after, for the end of the line.
    const from = Math.max(0, at - 3);
    const window = await source.read(from, WINDOW + LINE_LIMIT + (at - from));
    if (at === 0) lines.push({ at: 0, next: lineEnd(window, 0) });
    for (let found = window.indexOf('\nFrom '); found !== -1; found = window.indexOf('\nFrom ', found + 1)) {
      const start = found + 1;
      if (from + start < at || from + start >= at + WINDOW || !isEmptyBefore(window, found, from)) continue;
      const next = lineEnd(window, start);
      const line = window.toString('latin1', start, Math.min(next, start + LINE_LIMIT)).trimEnd();
      if (SEPARATOR.test(line)) lines.push({ at: from + start, next: from + next });
    }
  }
  const extents: MboxExtent[] = [];
  for (const [index, { next }] of lines.entries()) {
    const end = lines[index + 1]?.at ?? source.size;
    // The empty line after a message belongs to the mbox.
    const tail = (await source.read(Math.max(next, end - 4), Math.min(4, end - next))).toString('latin1');
    const gap = tail.endsWith('\r\n\r\n') ? 2 : tail.endsWith('\n\n') ? 1 : 0;
    extents.push({ start: next, end: end - gap });
  }
  return extents;
}

/** The message's own octets: the `>` that an mbox puts before `>*From ` is taken off (mboxrd). */
export function unquoted(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let to = 0;
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf(LF, at);
    const end = found === -1 ? text.length : found + 1;
    let word = at;
    while (word < end && text[word] === GREATER) word++;
    const isQuoted = word > at && text.toString('latin1', word, Math.min(word + 5, end)) === 'From ';
    to += text.copy(out, to, isQuoted ? at + 1 : at, end);
    at = end;
  }
  return out.subarray(0, to);
}

function lineEnd(window: Buffer, from: number): number {
  const end = window.indexOf(LF, from);
  return end === -1 ? window.length : end + 1;
}

/** Whether the line that ends at `lf` is empty. */
function isEmptyBefore(window: Buffer, lf: number, from: number): boolean {
  const before = lf > 0 && window[lf - 1] === CR ? lf - 2 : lf - 1;
  return before < 0 ? from === 0 : window[before] === LF;
}
