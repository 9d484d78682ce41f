import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Mailbox, wireAddress } from '../../src/mime/address.ts';
import { compose } from '../../src/mime/compose.ts';
import { htmlToText } from '../../src/mime/html-text.ts';
import { collect } from '../feeds.ts';
import { type Case, caseOf, cases } from './drafts.ts';
import { askPython, noPython } from './python.ts';

interface Reading {
  readonly subject: string | null;
  readonly from: readonly [string, string][];
  readonly to: readonly [string, string][];
  readonly cc: readonly [string, string][];
  readonly replyTo: readonly [string, string][];
  readonly bcc: string | null;
  readonly date: number;
  readonly text: string | null;
  readonly html: string | null;
  readonly attachments: readonly [string | null, string][];
  readonly defects: readonly string[];
}

const people = (mailboxes: readonly Mailbox[] = []): [string, string][] =>
  mailboxes.map(({ name, address }) => [tight(name), wireAddress(address)]);
/** Python keeps the blank between two encoded words of a name, against RFC 2047 6.2: blanks of names do not count. */
const tight = (name: string): string => name.replaceAll(' ', '');
const tightened = (all: readonly [string, string][]) => all.map(([name, path]) => [tight(name), path]);
/** An empty text has no line to end. */
const body = (text: unknown): string | null =>
  typeof text !== 'string' ? null : text === '' || text.endsWith('\n') ? text : `${text}\n`;

function expected({ draft, enclosures }: Case): Omit<Reading, 'date' | 'defects'> {
  return {
    subject: draft.subject ?? null,
    from: people([draft.from]),
    to: people(draft.to),
    cc: people(draft.cc),
    replyTo: people(draft.replyTo),
    bcc: null,
    text: body(draft.text ?? (typeof draft.html === 'string' ? htmlToText(draft.html) || undefined : '')),
    html: body(draft.html),
    attachments: enclosures.map(({ filename, bytes }) => [filename, bytes.toString('hex')]),
  };
}

const WHEN = new Date('2026-11-21T06:00:00Z');

async function compare(all: readonly Case[]): Promise<void> {
  const messages: Buffer[] = [];
  for (const { draft } of all) messages.push(await collect(await compose({ ...draft, date: WHEN })));
  const readings = await askPython<Reading>('read_drafts.py', messages);
  expect(readings).toHaveLength(all.length);
  for (const [index, reading] of readings.entries()) {
    const { date, defects, from, to, cc, replyTo, ...others } = reading;
    const rest = {
      ...others,
      from: tightened(from),
      to: tightened(to),
      cc: tightened(cc),
      replyTo: tightened(replyTo),
    };
    const shown = messages[index]?.toString().slice(0, 3_000);
    expect(rest, shown).toEqual(expected(all[index] as Case));
    expect(date).toBe(WHEN.getTime() / 1000);
    expect(defects, shown).toEqual([]);
  }
}

const from = { name: 'Ann', address: 'ann@example.org' };
const bob = { name: '', address: 'bob@example.org' };
const base = { from, to: [bob] };
const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index & 255));

const TABLE: Readonly<Record<string, Case>> = {
  'a plain message': caseOf({ ...base, subject: 'Hello', text: 'Hi,\n\nthere.\n' }),
  'no subject, no text': caseOf(base),
  'an empty subject': caseOf({ ...base, subject: '' }),
  'a Chinese subject': caseOf({ ...base, subject: '季度报告与附件：请查收', text: '您好，\n请查收附件。\n' }),
  'a subject of 5,000 characters': caseOf({ ...base, subject: 'word '.repeat(1_000).trim() }),
  'a subject of 5,000 characters without a blank': caseOf({ ...base, subject: 'x'.repeat(5_000) }),
  'a Chinese subject of 5,000 characters': caseOf({ ...base, subject: '报'.repeat(5_000) }),
  'emoji families': caseOf({ ...base, subject: '👩‍👩‍👧‍👦'.repeat(12), text: '👩‍👩‍👧‍👦\n' }),
  'a subject that looks encoded': caseOf({ ...base, subject: 're: =?utf-8?Q?no?= =?x?b?y?=' }),
  'a subject with tabs and blanks': caseOf({ ...base, subject: 'a  b\tc   é  d' }),
  'names with specials': caseOf({
    ...base,
    from: { name: 'Doe, "J" \\ (x) <y@z>', address: 'j.doe@example.org' },
    to: [
      { name: '张伟', address: 'zhang@例子.中国' },
      { name: "Séan O'Neil; Jr.", address: "o'neil+x@example.org" },
      { name: '👩‍👩‍👧‍👦', address: 'f@example.org' },
      { name: `A Name, ${'which is long '.repeat(10)}`.trim(), address: 'long@example.org' },
      { name: '', address: '"quoted, local"@example.org' },
    ],
  }),
  '60 recipients': caseOf({
    from,
    to: Array.from({ length: 60 }, (_, at) => ({ name: `Person ${at}é`, address: `p${at}@example.org` })),
  }),
  'text and HTML': caseOf({
    ...base,
    text: 'Grüße\n',
    html: `<a href="https://x/${'y'.repeat(2_000)}">ü</a>\n`,
  }),
  'text with every trap': caseOf({
    ...base,
    text: `.\n..\nFrom here\n trailing \n\t\n${'long '.repeat(400)}\n=3D\n\f\x1b\n--=_x\nend`,
  }),
  'files of any name': caseOf({ ...base, text: 'x\n' }, [
    { filename: 'naïve "报告" 2026; final.pdf', bytes },
    { filename: 'plain.txt', bytes: Buffer.from('text') },
    { filename: `${'长'.repeat(80)}.tar.gz`, bytes: Buffer.alloc(0) },
    { filename: "it's 100%*.bin", bytes: bytes.subarray(0, 57) },
    { filename: `${'a'.repeat(200)}.txt`, bytes: bytes.subarray(0, 58) },
    { filename: '.', bytes: bytes.subarray(0, 1) },
  ]),
};

describe.skipIf(noPython)(
  `Python's email package reads${noPython ? ' (skipped: there is no python3)' : ''}`,
  () => {
    it.each(Object.keys(TABLE))('%s', async (name) => {
      await compare([TABLE[name] as Case]);
    });

    it('any draft as it was meant', async () => {
      await compare(fc.sample(cases, 200));
    });
  },
);
