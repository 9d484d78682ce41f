import { Unstuffer } from '../codec/dots.ts';
import type { Line } from '../codec/lines.ts';
import type { Inbox } from './inbox.ts';

/** A body that moves slower than this for a minute has stalled, however often a byte drips in. */
const SLOWEST_OCTETS = 6_000;
const SLOWEST_SPAN_MS = 60_000;

/** What `LF_END` looks at. */
const TAIL = 5;
/** A dot that would end the block of a server whose greeting ended in LF alone. */
const LF_END = /[^\r]\n\.\r?\n$/;
const LF_HINT =
  'the server ends the lines of its messages with LF alone, and those of its replies with CRLF: where a message ends cannot be told, which is for its operator to mend';

/** What a block is read from. */
export interface BlockSource {
  readonly inbox: Inbox;
  readonly lineEnding: Line['ending'];
  /** Resolves when there is more in the inbox; fails when there never will be, with `hint` where that is for its silence. */
  arrival(hint: string | undefined): Promise<void>;
  /** The error for a block that moves slower than so many octets a second. */
  stalled(slowest: number): Error;
  /** Told once the dot has come, with the octets up to and with it. */
  ended(octets: number): void;
  /** Told when there will be no whole block: the reader has left, or something failed. */
  abandoned(): void;
}

/**
 * The text of a multi-line answer, unstuffed, without the dot that ends it. A chunk is only good until the next is asked
 * for. What follows the dot goes back into the inbox.
 */
export async function* readBlock(source: BlockSource): AsyncGenerator<Buffer, void, void> {
  const unstuffer = new Unstuffer(source.lineEnding);
  let octets = 0;
  let tail = '';
  let whole = false;
  let window = { since: performance.now(), octets: 0 };
  try {
    for (;;) {
      const chunk = source.inbox.bytes();
      if (chunk === undefined) {
        await source.arrival(LF_END.test(tail) ? LF_HINT : undefined);
        if (performance.now() - window.since > SLOWEST_SPAN_MS) {
          if (octets - window.octets < SLOWEST_OCTETS) {
            throw source.stalled(SLOWEST_OCTETS / (SLOWEST_SPAN_MS / 1000));
          }
          window = { since: performance.now(), octets };
        }
        continue;
      }
      octets += chunk.length;
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - TAIL))).slice(-TAIL);
      const { bytes, rest } = unstuffer.push(chunk);
      if (rest !== undefined) {
        source.inbox.unread(rest);
        whole = true;
        source.ended(octets - rest.length);
      }
      if (bytes.length > 0) yield bytes;
      if (whole) return;
    }
  } finally {
    if (!whole) source.abandoned();
  }
}
