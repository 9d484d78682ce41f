import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UnsupportedError } from '../../src/errors.ts';
import type { Takes } from '../../src/mime/part.ts';
import { rawMessage } from '../../src/mime/raw.ts';
import { chunks, collect, streamOf } from '../feeds.ts';
import { foreignMessages } from './foreign-messages.ts';
import { askPython, noPython } from './python.ts';

interface Part {
  readonly type: string;
  readonly encoding: string | null;
  readonly header: readonly [string, string][];
  readonly parts: number | null;
  readonly payload: string | null;
  readonly preamble: boolean;
  readonly epilogue: boolean;
}

const RUNS = 400;
const SEVEN: Takes = { eightBit: false, binary: false, utf8: false };
const EIGHT: Takes = { ...SEVEN, eightBit: true };

/** The message as a server gets it; undefined where it is refused. */
async function sent(octets: Buffer, step: number, takes: Takes): Promise<Buffer | undefined> {
  try {
    const source = { size: octets.length, open: () => streamOf(chunks(octets, step)) };
    const message = await (await rawMessage(source)).prepared(takes);
    const made = await collect(message);
    expect(made.length).toBe(message.size);
    expect(made.some((octet) => octet > 127)).toBe(message.eightBit);
    expect((await collect(message)).equals(made)).toBe(true);
    return made;
  } catch (error) {
    if (error instanceof DataError || error instanceof UnsupportedError) return undefined;
    throw error;
  }
}

/** Line ends do not count in text, nor in what goes as lines; an unended last line is ended. */
const asLines = (text: string) => text.replace(/\r\r\n|\r\n|\r/g, '\n').replace(/\n$/, '');

const short = (octets: Buffer) =>
  JSON.stringify(
    octets
      .toString('latin1')
      .replace(/(.{1,3})\1{20,}/g, '($1...)')
      .slice(0, 3_000),
  ).replaceAll('\\n', '\\n\n');

function same(before: readonly Part[], after: readonly Part[], shown: string): void {
  expect(
    after.map(({ type }) => type),
    shown,
  ).toEqual(before.map(({ type }) => type));
  for (const [index, was] of before.entries()) {
    const is = after[index] as Part;
    expect([is.header, is.parts], shown).toEqual([was.header, was.parts]);
    expect([is.preamble, is.epilogue !== was.epilogue && !was.epilogue], shown).toEqual([
      was.preamble,
      false,
    ]);
    const exactly = is.encoding === 'base64' && was.encoding !== 'base64' && !was.type.startsWith('text/');
    const [one, other] = [was.payload ?? '', is.payload ?? ''];
    if (exactly) expect(other, shown).toBe(one);
    // A CR CR LF is one line end here and two there, which shows at the end.
    else if (/\r(?!\n)/.test(one)) expect(asLines(other).trimEnd(), shown).toBe(asLines(one).trimEnd());
    else expect(asLines(other), shown).toBe(asLines(one));
  }
}

describe.skipIf(noPython)(
  `Python's email package reads the same${noPython ? ' (skipped: there is no python3)' : ''}`,
  () => {
    it.each([
      ['in 7 bits', SEVEN],
      ['in 8 bits', EIGHT],
    ] as const)('%s', { timeout: 120_000 }, async (_, takes) => {
      const samples = fc.sample(fc.tuple(foreignMessages, fc.constantFrom(1, 2, 7, 1_000_000)), {
        numRuns: RUNS,
        seed: 2045,
      });
      const pairs: [Buffer, Buffer][] = [];
      for (const [octets, step] of samples) {
        const made = await sent(octets, step, takes);
        if (made === undefined) continue;
        const lines = made.toString('latin1').split('\r\n');
        expect(lines.pop()).toBe('');
        const shown = short(octets);
        expect(
          lines.filter((line) => line.length > 998 || /[\r\n\0]/.test(line)),
          shown,
        ).toEqual([]);
        pairs.push([octets, made]);
      }
      expect(pairs.length).toBeGreaterThan(RUNS * 0.6);
      const read = await askPython<readonly Part[]>('read_parts.py', pairs.flat());
      for (const [index, [octets, made]] of pairs.entries()) {
        const shown = `${short(octets)}\n-----\n${short(made)}`;
        same(read[2 * index] as Part[], read[2 * index + 1] as Part[], shown);
      }
    });
  },
);
