import { isStuffed } from '../codec/dots.ts';
import { DataError } from '../errors.ts';

/** Bytes that are measured now and read when their turn comes; they can be read more than once. */
export interface Source {
  /** In octets, exact. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

export function bytesSource(bytes: Uint8Array): Source {
  return {
    size: bytes.length,
    async *open() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/**
 * The octets of a source, as many as it promised. One that ends early, or does not end, has changed since it was measured:
 * that is a `DataError`, and the message is not ended with a part of it.
 */
export async function* exactly(source: Source, name: string): AsyncGenerator<Uint8Array> {
  let octets = 0;
  for await (const chunk of source.open()) {
    octets += chunk.length;
    if (octets > source.size) break;
    yield chunk;
  }
  if (octets !== source.size) {
    throw new DataError(`${name} changed while it was read: it had ${source.size} octets`, {
      stage: 'compose',
      hint: 'nothing was sent; send a copy that nobody writes to',
    });
  }
}

/** All of a source in memory. */
export async function readAll(source: Source, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  // A source may use its memory again for the next chunk.
  for await (const chunk of exactly(source, name)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const CR = 0x0d;
const LF = 0x0a;

/** Text with every line end (CRLF, LF alone, CR alone, CR CR LF) as one CRLF, and its last line ended unless `open`. */
export async function* canonical(
  source: AsyncIterable<Uint8Array>,
  lastLine: 'ended' | 'open' = 'ended',
): AsyncGenerator<Uint8Array> {
  /** CRs whose meaning the next octet decides: none, one, or two. */
  let heldCr = 0;
  let open = false;
  for await (const chunk of source) {
    if (heldCr === 0 && isStuffed(chunk, false, false)) {
      if (chunk.length === 0) continue;
      open = chunk[chunk.length - 1] !== LF;
      yield chunk;
      continue;
    }
    const out = Buffer.allocUnsafe(chunk.length * 2 + 4);
    let at = 0;
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index] as number;
      if (octet > CR && heldCr === 0) {
        out[at++] = octet;
        open = true;
        continue;
      }
      if (octet === CR && heldCr < 2) {
        heldCr++;
        continue;
      }
      const ends = octet === LF || (octet === CR && heldCr > 0) ? 1 : heldCr;
      for (let n = 0; n < ends; n++) {
        out[at++] = CR;
        out[at++] = LF;
      }
      if (octet === CR) continue; // two stay held: the oldest was a line end of its own
      heldCr = 0;
      open = octet !== LF;
      if (open) out[at++] = octet;
    }
    if (at > 0) yield out.subarray(0, at);
  }
  const ends = heldCr > 0 ? heldCr : open && lastLine === 'ended' ? 1 : 0;
  if (ends > 0) yield Buffer.from('\r\n'.repeat(ends));
}
