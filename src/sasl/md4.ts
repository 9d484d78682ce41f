/** MD4 (RFC 1320), which NTLM is built on and OpenSSL 3 no longer has. Of no other use. */
export function md4(message: Uint8Array): Buffer {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = Buffer.alloc(blocks * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  padded.writeUInt32LE((message.length << 3) >>> 0, padded.length - 8);
  padded.writeUInt32LE(Math.floor(message.length / 0x20000000), padded.length - 4);

  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  const words = new Uint32Array(16);
  for (let block = 0; block < padded.length; block += 64) {
    for (let n = 0; n < 16; n++) words[n] = padded.readUInt32LE(block + n * 4);
    let [a = 0, b = 0, c = 0, d = 0] = state;
    for (const round of ROUNDS) {
      for (let n = 0; n < 16; n++) {
        const word = words[round.order[n] as number] as number;
        const turned = rotate(
          (a + round.mix(b, c, d) + word + round.constant) >>> 0,
          round.shifts[n & 3] as number,
        );
        [a, b, c, d] = [d, turned, b, c];
      }
    }
    for (const [n, value] of [a, b, c, d].entries()) state[n] = (state[n] as number) + value;
  }
  const digest = Buffer.alloc(16);
  for (const [n, value] of state.entries()) digest.writeUInt32LE(value, n * 4);
  return digest;
}

interface Round {
  readonly mix: (x: number, y: number, z: number) => number;
  readonly constant: number;
  readonly order: readonly number[];
  readonly shifts: readonly number[];
}

const ROUNDS: readonly Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
];

function rotate(value: number, by: number): number {
  return ((value << by) | (value >>> (32 - by))) >>> 0;
}
