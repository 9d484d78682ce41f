import fc from 'fast-check';
import { bytesAttachment } from '../../src/mime/attachment.ts';
import type { Draft } from '../../src/mime/compose.ts';
import type { Uniqueness } from '../../src/mime/ids.ts';

/** The same message each time. */
export function fixed(): Uniqueness {
  let count = 0;
  return { now: new Date('2026-11-21T06:00:00Z'), random: () => `fixed${++count}` };
}

/** An attachment of a message for comparison: what went in. */
export interface Enclosure {
  readonly filename: string;
  readonly bytes: Buffer;
}

export interface Case {
  readonly draft: Draft;
  readonly enclosures: readonly Enclosure[];
}

export function caseOf(draft: Draft, enclosures: readonly Enclosure[] = []): Case {
  const attachments = enclosures.map(({ filename, bytes }) => bytesAttachment(filename, bytes));
  return { draft: attachments.length === 0 ? draft : { ...draft, attachments }, enclosures };
}

const characters = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcXYZ 019.,;:<>()"\\@=?_\'&%*'.split('')) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('é', 'ß', '报', '告', '日本', 'привет', 'שלום', '한국어', 'e\u0301'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('👩‍👩‍👧‍👦', '🇩🇪', '=?utf-8?Q?x?=', '=?', ' x', 'word '.repeat(12)),
  },
);
const line = fc.string({ unit: characters, maxLength: 50 }).map((text) => text.trim().replace(/ +/g, ' '));
const mailbox = fc.record({
  name: line,
  address: fc.constantFrom('a@example.org', 'b.c+d@sub.example.org', "o'neil@example.org", 'x@例子.中国'),
});
const lines = fc
  .array(
    fc.oneof(
      fc.string({ unit: characters, maxLength: 90 }),
      fc.constantFrom('', '.', 'From x', 'x'.repeat(1_200), ' '),
    ),
    {
      maxLength: 12,
    },
  )
  .map((all) => all.map((each) => `${each}\n`).join(''));
const filename = fc
  .string({ unit: characters, minLength: 1, maxLength: 60 })
  .map((text) => text.replace(/[/\\]/g, '').trim().replace(/ +/g, ' '))
  // Python takes quotes and angle brackets off that a file name itself begins and ends with.
  .filter((text) => !/^$|^".*"$|^<.*>$/.test(text));
const enclosure = fc.record({
  filename: fc.oneof(filename, fc.constant('naïve "报告" 2026; final.pdf')),
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

/** Drafts of people all over the world. */
export const cases: fc.Arbitrary<Case> = fc
  .record(
    {
      from: mailbox,
      to: fc.array(mailbox, { maxLength: 5 }),
      cc: fc.array(mailbox, { maxLength: 3 }),
      bcc: fc.constant([{ name: 'Nobody Sees', address: 'secret@hidden.example' }]),
      replyTo: fc.array(mailbox, { maxLength: 2 }),
      subject: line,
      text: lines,
      html: lines,
      priority: fc.constantFrom('high' as const, 'low' as const),
      enclosures: fc.array(enclosure, { maxLength: 3 }),
    },
    { requiredKeys: ['from', 'to', 'bcc', 'enclosures'] },
  )
  .map(({ enclosures, ...draft }) => caseOf(draft, enclosures));
