/** Ways to cut the same bytes: every framing test runs in all of them. */
export const FEEDS = [
  { name: 'whole', size: Number.POSITIVE_INFINITY },
  { name: 'in 1-byte chunks', size: 1 },
  { name: 'in 2-byte chunks', size: 2 },
  { name: 'in 3-byte chunks', size: 3 },
] as const;

/** Copies `bytes` into chunks of `size` octets; each chunk has memory of its own, as a socket's would. */
export function chunks(bytes: Uint8Array | string, size: number): Uint8Array[] {
  const all = Buffer.from(bytes as Uint8Array);
  const cut: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += size) cut.push(Uint8Array.from(all.subarray(at, at + size)));
  return cut;
}

export async function* streamOf(pieces: Iterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece as Uint8Array);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}
