import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { block, OctetCounter } from '../../src/sandbox/wire.ts';

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function wire(text: string, size = 65_536, lines?: number): Promise<string> {
  const out: Buffer[] = [];
  for await (const piece of block(chunked(Buffer.from(text, 'latin1'), size), lines)) out.push(piece);
  return Buffer.concat(out).toString('latin1');
}

function octets(text: string, size = 65_536): number {
  const counter = new OctetCounter();
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) counter.push(bytes.subarray(at, at + size));
  return counter.octets;
}

const SIZES = [65_536, 1, 2, 3];

describe('a block on the wire', () => {
  const cases: [string, string, string][] = [
    ['leaves plain lines alone', 'a: b\r\n\r\nc\r\n', 'a: b\r\n\r\nc\r\n.\r\n'],
    [
      'stuffs every line that begins with a dot',
      '.\r\n..\r\n.a\r\nb.\r\n',
      '..\r\n...\r\n..a\r\nb.\r\n.\r\n',
    ],
    ['makes a bare LF a CRLF', 'a\nb\n', 'a\r\nb\r\n.\r\n'],
    ['stuffs after a bare LF', 'a\n.\n', 'a\r\n..\r\n.\r\n'],
    ['ends a last line that has no ending', 'a', 'a\r\n.\r\n'],
    ['ends a last line of one dot', '.', '..\r\n.\r\n'],
    ['keeps a lone CR, which ends no line', 'a\r.b\r\n', 'a\r.b\r\n.\r\n'],
    ['keeps CR CR LF', 'a\r\r\n', 'a\r\r\n.\r\n'],
    ['is only the closing line for an empty message', '', '.\r\n'],
    ['keeps empty lines', '\n\n\r\n', '\r\n\r\n\r\n.\r\n'],
  ];
  for (const [name, stored, expected] of cases) {
    it.each(SIZES)(`${name}, in chunks of %d`, async (size) => {
      expect(await wire(stored, size)).toBe(expected);
    });
  }

  it.each(SIZES)('gives TOP the header, the empty line and n lines, in chunks of %d', async (size) => {
    const message = 'A: 1\r\nB: 2\r\n\r\none\r\n.two\r\n\r\nfour\r\n';
    expect(await wire(message, size, 0)).toBe('A: 1\r\nB: 2\r\n\r\n.\r\n');
    expect(await wire(message, size, 2)).toBe('A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n.\r\n');
    expect(await wire(message, size, 3)).toBe('A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\n.\r\n');
    expect(await wire(message, size, 99)).toBe('A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n');
    expect(await wire('A: 1\nB: 2\n\none\n', size, 0)).toBe('A: 1\r\nB: 2\r\n\r\n.\r\n');
    expect(await wire('\r\nbody\r\n', size, 0)).toBe('\r\n.\r\n');
    expect(await wire('A: no empty line\r\n', size, 0)).toBe('A: no empty line\r\n.\r\n');
  });

  const mail = fc
    .array(fc.constantFrom('a', '.', '\r', '\n', '\r\n', '..', '\u0000', '\u00ff'), { maxLength: 40 })
    .map((pieces) => pieces.join(''));

  it('does not depend on where chunks end', async () => {
    await fc.assert(
      fc.asyncProperty(
        mail,
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.nat(4)),
        async (text, size, lines) => {
          const n = lines ?? undefined;
          expect(await wire(text, size, n)).toBe(await wire(text, 65_536, n));
        },
      ),
    );
  });

  it('has, unstuffed, as many octets as LIST states', async () => {
    await fc.assert(
      fc.asyncProperty(mail, fc.integer({ min: 1, max: 5 }), async (text, size) => {
        const body = (await wire(text)).slice(0, -3);
        const unstuffed = body.replace(/(^|\r\n)\./g, '$1');
        expect(octets(text, size)).toBe(unstuffed.length);
      }),
    );
  });

  it('has only its last line of one dot', async () => {
    await fc.assert(
      fc.asyncProperty(mail, async (text) => {
        expect(`\r\n${await wire(text)}`.indexOf('\r\n.\r\n')).toBe((await wire(text)).length - 3);
      }),
    );
  });
});
