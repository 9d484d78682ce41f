import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  BASE64_STEP,
  base64Lines,
  base64LinesSize,
  decodeBase64,
  decodeBase64Tolerant,
  encodeBase64,
  encodeBase64Lines,
} from '../../src/codec/base64.ts';
import { simdLineEncoder } from '../../src/codec/base64-simd.ts';
import { DataError } from '../../src/errors.ts';
import { collect, streamOf } from '../feeds.ts';

/** Cuts bytes at the given places, taken modulo the length. */
function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    parts.push(bytes.subarray(from, end));
    from = end;
  }
  return parts;
}

/** What 76-column base64 has to look like, by Node's own encoder. */
function oracleLines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  return text.replace(/.{1,76}/g, (line) => `${line}\r\n`);
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    bytes[i] = x >> 16;
  }
  return bytes;
}

describe('encodeBase64', () => {
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('encodes %j as RFC 4648 10 says', (plain, encoded) => {
    expect(encodeBase64(Buffer.from(plain))).toBe(encoded);
    expect(Buffer.from(decodeBase64(encoded)).toString()).toBe(plain);
  });

  it('agrees with Buffer, and decodes to what it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const text = encodeBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(Buffer.from(decodeBase64(text)).equals(bytes)).toBe(true);
        expect(Buffer.from(decodeBase64Tolerant(text)).equals(bytes)).toBe(true);
      }),
    );
  });

  it('reads a view at any offset of a larger buffer', () => {
    const whole = noise(50);
    for (let from = 0; from < 9; from++) {
      expect(encodeBase64(whole.subarray(from))).toBe(whole.subarray(from).toString('base64'));
    }
  });
});

describe('decodeBase64', () => {
  it.each([
    'Z',
    'Zg',
    'Zg=',
    'Zm9',
    'Zg==\n',
    'Zm9v\r\n',
    'Z g=',
    'Zm=v',
    '=Zg=',
    '====',
    'Zg==Zg==',
    'Zm9*',
    'Zm9é',
    'Zm9Ā',
    'Zm-_',
    'Zh==',
    'Zm9=',
    '\0AAA',
    'A===',
  ])('refuses %j with a DataError', (text) => {
    expect(() => decodeBase64(text)).toThrow(DataError);
  });

  it('fails on any text only with its own error, and otherwise gives what encodes to the same text', () => {
    const letters = fc.string({
      unit: fc.constantFrom('A', 'Z', 'g', 'w', '/', '+', '=', '\n', 'é'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(letters, (text) => {
        let bytes: Uint8Array;
        try {
          bytes = decodeBase64(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          return;
        }
        expect(encodeBase64(bytes)).toBe(text);
      }),
    );
  });
});

describe('decodeBase64Tolerant', () => {
  it.each([
    ['Zm9v\r\nYmFy\r\n', 'foobar'],
    [' Z m\t9v!Ym*Fy ', 'foobar'],
    ['Zm9vYg', 'foob'],
    ['Zm9vYmE', 'fooba'],
    ['Zm9vY', 'foo'],
    ['Zg==Zg==', 'ff'],
    ['Zm8=\r\nb2Jhcg==', 'foobar'],
    ['====', ''],
    ['Pz8_Pz8-', '?????>'],
    ['\u0100\u0141é\0', ''],
  ])('reads %j as %j', (text, plain) => {
    expect(Buffer.from(decodeBase64Tolerant(text)).toString()).toBe(plain);
  });

  it('never throws, and reads octets as it reads text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const fromText = decodeBase64Tolerant(Buffer.from(bytes).toString('latin1'));
        expect(Buffer.from(decodeBase64Tolerant(bytes)).equals(fromText)).toBe(true);
      }),
    );
  });

  it('finds the octets again however the text is strewn with junk', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.array(fc.nat(200), { maxLength: 20 }),
        (bytes, places) => {
          let text = Buffer.from(bytes).toString('base64');
          for (const place of places) {
            const at = place % (text.length + 1);
            text = `${text.slice(0, at)}${'\r\n !#'[place % 5]}${text.slice(at)}`;
          }
          expect(Buffer.from(decodeBase64Tolerant(text)).equals(bytes)).toBe(true);
        },
      ),
    );
  });
});

describe('base64Lines', () => {
  it('gives nothing for nothing', async () => {
    expect(await collect(base64Lines(streamOf([])))).toHaveLength(0);
    expect(await collect(base64Lines(streamOf([new Uint8Array(0)])))).toHaveLength(0);
    expect(base64LinesSize(0)).toBe(0);
  });

  it.each([1, 2, 3, 56, 57, 58, 113, 114, 115, 171])('breaks %i octets at 76 columns', async (length) => {
    const bytes = noise(length);
    const text = (await collect(base64Lines(streamOf([bytes])))).toString('latin1');
    expect(text).toBe(oracleLines(bytes));
    expect(text).toHaveLength(base64LinesSize(length));
    expect(Buffer.from(encodeBase64Lines(bytes)).toString('latin1')).toBe(text);
  });

  it('gives the same lines whatever the chunks are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 700 }),
        fc.array(fc.nat(700), { maxLength: 12 }),
        async (bytes, places) => {
          const text = (await collect(base64Lines(streamOf(cutAt(bytes, places))))).toString('latin1');
          expect(text).toBe(oracleLines(bytes));
        },
      ),
    );
  });

  it.each([-58, -57, -1, 0, 1, 56, 57, 58])(
    'holds at the border of a step (%i octets off)',
    async (offset) => {
      const bytes = noise(2 * BASE64_STEP + offset);
      const expected = oracleLines(bytes);
      for (const size of [bytes.length, BASE64_STEP, BASE64_STEP - 1, BASE64_STEP + 1, 65_536, 4_099]) {
        const parts: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
        const encoded = await collect(base64Lines(streamOf(parts)));
        expect(encoded.equals(Buffer.from(expected, 'latin1'))).toBe(true);
        expect(encoded).toHaveLength(base64LinesSize(bytes.length));
      }
    },
  );

  it('gives whole lines in memory that it uses again, from a source that does the same', async () => {
    const bytes = noise(3 * BASE64_STEP);
    const block = Buffer.alloc(1000);
    async function* reused(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += block.length) {
        const length = bytes.copy(block, 0, at, at + block.length);
        yield block.subarray(0, length);
      }
    }
    const given: Uint8Array[] = [];
    const memory = new Set<ArrayBufferLike>();
    for await (const chunk of base64Lines(reused())) {
      expect([chunk.at(-2), chunk.at(-1)]).toEqual([13, 10]);
      memory.add(chunk.buffer);
      given.push(Uint8Array.from(chunk));
    }
    expect(given.length).toBe(3);
    expect(memory.size).toBe(1);
    expect(Buffer.concat(given).toString('latin1')).toBe(oracleLines(bytes));
  });

  it('passes a failing source on, and closes a source when it is abandoned', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield noise(BASE64_STEP);
      throw new Error('disk gone');
    }
    await expect(collect(base64Lines(failing()))).rejects.toThrow('disk gone');
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield noise(BASE64_STEP);
      } finally {
        closed = true;
      }
    }
    for await (const _ of base64Lines(endless())) break;
    expect(closed).toBe(true);
  });
});

describe('simdLineEncoder', () => {
  it('gives the lines that Buffer gives, from one to as many as it takes', () => {
    const encode = simdLineEncoder();
    if (encode === undefined) return; // a machine without the instructions does it the other way
    const octets = noise(BASE64_STEP);
    for (const lines of [1, 2, 3, 17, 1023, 1024]) {
      const some = octets.subarray(0, lines * 57);
      expect(Buffer.from(encode(some)).toString('latin1')).toBe(oracleLines(some));
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 57, maxLength: 57 }), (line) => {
        expect(Buffer.from(encode(line)).toString('latin1')).toBe(oracleLines(line));
      }),
    );
  });

  it('has every letter at every place', () => {
    const encode = simdLineEncoder();
    if (encode === undefined) return;
    for (let digit = 0; digit < 64; digit++) {
      const octets = Buffer.from(
        Array.from({ length: 57 }, (_, at) => {
          const [first, second, third] = [
            (digit << 2) | (digit >> 4),
            ((digit & 15) << 4) | (digit >> 2),
            digit & 3,
          ];
          return [first, second, (third << 6) | digit][at % 3] as number;
        }),
      );
      expect(oracleLines(octets)).toMatch(/^(.)\1{75}\r\n$/);
      expect(Buffer.from(encode(octets)).toString('latin1')).toBe(oracleLines(octets));
    }
  });

  it('is done without where there are no such instructions', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    try {
      expect(simdLineEncoder()).toBeUndefined();
      const octets = noise(BASE64_STEP * 2 + 5);
      expect((await collect(base64Lines(streamOf([octets])))).toString('latin1')).toBe(oracleLines(octets));
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
