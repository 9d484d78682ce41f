import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markWireReady, Stuffer, stuff, Unstuffer } from '../../src/codec/dots.ts';
import { chunks, collect, FEEDS, streamOf } from '../feeds.ts';

const stuffed = async (input: string, size: number) =>
  (await collect(stuff(streamOf(chunks(Buffer.from(input, 'latin1'), size))))).toString('latin1');

/** Feeds a block and what follows it; gives the text, and the rest where the end was found. */
function unstuffed(
  input: string,
  size: number,
  ending: 'CRLF' | 'LF' = 'CRLF',
): { text: string; rest?: string } {
  const unstuffer = new Unstuffer(ending);
  let text = '';
  const pieces = chunks(Buffer.from(input, 'latin1'), size);
  for (const [index, piece] of pieces.entries()) {
    const { bytes, rest } = unstuffer.push(piece);
    text += Buffer.from(bytes).toString('latin1');
    if (rest !== undefined) {
      return { text, rest: Buffer.concat([rest, ...pieces.slice(index + 1)]).toString('latin1') };
    }
  }
  return { text };
}

/** The same rules on whole strings, to compare with. */
const normalise = (text: string) => text.replace(/\r\r\n|\r\n|\r(?!\r?\n)|\n/g, '\r\n');
const reference = (text: string) => {
  const lines = normalise(text);
  const closed = lines === '' || lines.endsWith('\r\n') ? lines : `${lines}\r\n`;
  return `${closed.replace(/^\./gm, '..')}.\r\n`;
};
const awkward = fc
  .array(fc.constantFrom('.', '\r', '\n', '\r\n', 'a', 'bc', '..', '\r\n.\r\n', '\n.\n', '\r\r\n'), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));

describe.each(FEEDS)('stuffing, fed $name', ({ size }) => {
  test.each([
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['a\n', 'a\r\n.\r\n'],
    ['a\r', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['..', '...\r\n.\r\n'],
    ['a\r\n.\r\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r.\rb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\n.\r\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r\r\n.b', 'a\r\n..b\r\n.\r\n'],
    ['a\r\rb', 'a\r\n\r\nb\r\n.\r\n'],
    ['a\r\r\r\nb', 'a\r\n\r\nb\r\n.\r\n'],
    ['a\r\r', 'a\r\n\r\n.\r\n'],
    ['\n\n', '\r\n\r\n.\r\n'],
    ['a.b', 'a.b\r\n.\r\n'],
  ])('%j becomes %j', async (input, output) => {
    expect(await stuffed(input, size)).toBe(output);
  });

  test('any text comes out as by the rules on whole strings', async () => {
    await fc.assert(
      fc.asyncProperty(awkward, async (text) => {
        expect(await stuffed(text, size)).toBe(reference(text));
      }),
    );
  });

  test('no line end but CRLF and no early end ever leaves', async () => {
    await fc.assert(
      fc.asyncProperty(awkward, async (text) => {
        const wire = await stuffed(text, size);
        expect(wire).not.toMatch(/(^|[^\r])\n|\r(?!\n)/);
        expect(wire.slice(0, -3)).not.toMatch(/(^|\n)\.(\r|\n|$)/);
      }),
    );
  });
});

describe.each(FEEDS)('unstuffing, fed $name', ({ size }) => {
  test.each([
    ['.\r\n', '', ''],
    ['a\r\n.\r\n', 'a\r\n', ''],
    ['a\r\n.\r\n+OK next\r\n', 'a\r\n', '+OK next\r\n'],
    ['..\r\n.\r\n', '.\r\n', ''],
    ['..a\r\n.\r\n', '.a\r\n', ''],
    ['...\r\n.\r\n', '..\r\n', ''],
    ['.x\r\n.\r\n', '.x\r\n', ''],
    ['.\rx\r\n.\r\n', '.\rx\r\n', ''],
    ['.\r\r\n.\r\n', '.\r\r\n', ''],
    ['a\n.\n.\r\nb\r\n.\r\n', 'a\n.\n.\r\nb\r\n', ''],
    ['a\r.\r\nb\r\n.\r\n', 'a\r.\r\nb\r\n', ''],
    ['a\r\r\n.\r\n', 'a\r\r\n', ''],
    ['\0\xff\r\n.\r\n', '\0\xff\r\n', ''],
    ['\r\n.\r\n', '\r\n', ''],
  ])('%j', (input, text, rest) => {
    expect(unstuffed(input, size)).toEqual({ text, rest });
  });

  test.each(['', 'a', 'a\r\n', 'a\r\n.', 'a\r\n.\r', '.', 'a\n.\n', 'a.\r\n', 'a\r\n..\r\n'])(
    '%j has not ended',
    (input) => {
      expect(unstuffed(input, size).rest).toBeUndefined();
    },
  );

  test.each([
    ['a\n.\n', 'a\n', ''],
    ['a\n.\r\n', 'a\n', ''],
    ['a\r\n.\r\n', 'a\r\n', ''],
    ['.\n+OK\n', '', '+OK\n'],
    ['..b\n.\n', '.b\n', ''],
    ['.x\n.\n', '.x\n', ''],
  ])('from a server that speaks bare LF: %j', (input, text, rest) => {
    expect(unstuffed(input, size, 'LF')).toEqual({ text, rest });
  });

  test('gives back what stuffing made of any text', async () => {
    await fc.assert(
      fc.asyncProperty(awkward, async (text) => {
        const wire = await stuffed(text, 7);
        const whole = normalise(text);
        const expected = whole === '' || whole.endsWith('\r\n') ? whole : `${whole}\r\n`;
        expect(unstuffed(`${wire}rest`, size)).toEqual({ text: expected, rest: 'rest' });
      }),
    );
  });
});

test('a text full of stuffed lines is unstuffed beyond the point where searching is given up', async () => {
  const text = '.\r\n'.repeat(5000);
  const wire = await stuffed(text, Number.POSITIVE_INFINITY);
  expect(unstuffed(wire, Number.POSITIVE_INFINITY)).toEqual({ text, rest: '' });
});

test('a chunk marked as ready for the wire passes untouched, but not behind a CR that waits for its LF', () => {
  const stuffer = new Stuffer();
  const ready = markWireReady(Buffer.from('QUJD\r\n'));
  expect(stuffer.stuff(ready)).toBe(ready);
  stuffer.stuff(Buffer.from('open\r'));
  expect(stuffer.stuff(ready)).not.toBe(ready);
});

test('a chunk that needs nothing passes untouched', () => {
  const clean = Buffer.from('a.\r\nb');
  const dotted = Buffer.from('.c\r\n');
  const stuffer = new Stuffer();
  expect(stuffer.stuff(clean)).toBe(clean);
  expect(stuffer.stuff(dotted)).toBe(dotted); // in the middle of a line
  expect(stuffer.stuff(dotted).toString()).toBe('..c\r\n');
  expect(new Stuffer(false).stuff(dotted)).toBe(dotted);
});
