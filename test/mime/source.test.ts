import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stuff } from '../../src/codec/dots.ts';
import { DataError } from '../../src/errors.ts';
import { bytesSource, canonical, exactly, readAll } from '../../src/mime/source.ts';
import { chunks, collect, FEEDS, streamOf } from '../feeds.ts';

describe.each(FEEDS)('canonical text, $name', ({ size }) => {
  it.each([
    ['', ''],
    ['a', 'a\r\n'],
    ['a\r\n', 'a\r\n'],
    ['a\n', 'a\r\n'],
    ['a\r', 'a\r\n'],
    ['a\r\r\n', 'a\r\n'],
    ['a\r\r', 'a\r\n\r\n'],
    ['a\r\r\r\nb', 'a\r\n\r\nb\r\n'],
    ['\n\n', '\r\n\r\n'],
    ['\r\n\r\n', '\r\n\r\n'],
    ['a\rb\nc\r\nd', 'a\r\nb\r\nc\r\nd\r\n'],
    ['a\r\n\r', 'a\r\n\r\n'],
    ['\n\r', '\r\n\r\n'],
    ['.\r.\n.', '.\r\n.\r\n.\r\n'],
  ])('of %j is %j', async (text, made) => {
    expect((await collect(canonical(streamOf(chunks(text, size))))).toString()).toBe(made);
  });
});

it('canonical text is what goes over the wire, dots aside', async () => {
  const text = fc.string({ unit: fc.constantFrom('\r', '\n', '.', 'a', '\r\n'), maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (value, size) => {
      const feed = () => streamOf(chunks(value, size));
      const made = await collect(canonical(feed()));
      expect((await collect(stuff(feed()))).equals(await collect(stuff(streamOf([made]))))).toBe(true);
      expect(made.toString().replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      expect(value === '' || made.toString().endsWith('\r\n')).toBe(true);
    }),
    { numRuns: 500 },
  );
});

describe('a source that is not what was measured', () => {
  const source = (size: number, ...pieces: string[]) => ({ size, open: () => streamOf(pieces) });

  it('passes on what it promised', async () => {
    expect((await readAll(source(4, 'ab', '', 'cd'), 'it')).toString()).toBe('abcd');
    expect(await readAll(bytesSource(Buffer.alloc(0)), 'it')).toHaveLength(0);
  });

  it.each([
    ['has grown', source(3, 'ab', 'cd')],
    ['has shrunk', source(5, 'ab', 'cd')],
    ['has vanished', source(1)],
    ['has appeared', source(0, 'x')],
  ])('fails when it %s', async (_, changed) => {
    await expect(collect(exactly(changed, 'the file'))).rejects.toThrow(DataError);
    await expect(collect(exactly(changed, 'the file'))).rejects.toThrow(/the file changed/);
  });

  it('never gives more than it promised', async () => {
    const got: Uint8Array[] = [];
    await expect(
      (async () => {
        for await (const chunk of exactly(source(3, 'ab', 'cd'), 'it')) got.push(chunk);
      })(),
    ).rejects.toThrow(DataError);
    expect(Buffer.concat(got).length).toBeLessThanOrEqual(3);
  });
});
