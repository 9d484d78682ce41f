import { DataError } from '../errors.ts';
import { canonical, exactly, type Source } from './source.ts';

/** A range of a source that other octets take the place of. */
export interface Edit {
  readonly from: number;
  /** May be `from`: something is put in. */
  readonly to: number;
  /** Octets of the range with CRLF line ends. */
  readonly was: number;
  /** Octets in its place, exact. */
  readonly size: number;
  /** Those octets, made of what is in the range, or whatever is there. */
  readonly made: Uint8Array | ((range: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>);
}

/**
 * A source with CRLF line ends and the edits, which follow each other and do not overlap; each begins and ends at a line's
 * beginning or end. `DataError` before the end where the source, or the `size` of it all, is not what it was.
 */
export async function* spliced(
  source: Source,
  edits: readonly Edit[],
  size: number,
): AsyncGenerator<Uint8Array> {
  let octets = 0;
  for await (const chunk of pieces(source, edits)) {
    octets += chunk.length;
    if (octets > size) break;
    yield chunk;
  }
  if (octets === size) return;
  throw new DataError(`the message changed while it was read: it had ${size} octets`, {
    stage: 'compose',
    hint: 'nothing was sent; send a copy that nobody writes to',
  });
}

async function* pieces(source: Source, edits: readonly Edit[]): AsyncGenerator<Uint8Array> {
  const cuts = new Cuts(exactly(source, 'the message'));
  try {
    for (const { from, to, made } of edits) {
      yield* canonical(cuts.upTo(from));
      const range = cuts.upTo(to);
      if (!(made instanceof Uint8Array)) yield* made(range);
      else {
        for await (const _ of range);
        if (made.length > 0) yield made;
      }
    }
    yield* canonical(cuts.upTo(Number.POSITIVE_INFINITY));
  } finally {
    await cuts.close();
  }
}

/** A stream that is read in ranges, one after the other. */
class Cuts {
  readonly #source: AsyncGenerator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(source: AsyncGenerator<Uint8Array>) {
    this.#source = source;
  }

  /** What is left before `offset`. */
  async *upTo(offset: number): AsyncGenerator<Uint8Array> {
    while (this.#at < offset) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) return;
        this.#rest = next.value;
        continue;
      }
      const piece = this.#rest.subarray(0, Math.min(this.#rest.length, offset - this.#at));
      this.#rest = this.#rest.subarray(piece.length);
      this.#at += piece.length;
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#source.return(undefined);
  }
}
