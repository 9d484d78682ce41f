import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import { type Mailbox, wireAddress } from '../../src/mime/address.ts';
import { compose } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';
import { type Case, cases } from './drafts.ts';
import { FILE_NAME, LETTERS, LONG_SUBJECT, LONG_URL } from './letters.ts';

const read = async (octets: Buffer) => await PostalMime.parse(octets, { attachmentEncoding: 'arraybuffer' });

/** Blanks at the edges of names, and between two encoded words, are this reader's own affair. */
const tight = (name: string | undefined): string => (name ?? '').replace(/\s/g, '');
const people = (mailboxes: readonly Mailbox[] = []) =>
  mailboxes.map(({ name, address }) => [tight(name), wireAddress(address)]);
const seen = (addresses: readonly { readonly name: string; readonly address?: string | undefined }[] = []) =>
  // A group, which hides everybody, has none.
  addresses.flatMap(({ name, address }) => (address === undefined ? [] : [[tight(name), address]]));
const trimmed = (text: string | undefined) => (text ?? '').replaceAll('\r\n', '\n').replace(/\n+$/, '');

async function compare({ draft, enclosures }: Case): Promise<void> {
  const octets = await collect(await compose(draft));
  const found = await read(octets);
  const shown = octets.toString().slice(0, 3_000);
  expect(found.subject ?? '', shown).toBe(draft.subject ?? '');
  expect(seen(found.from === undefined ? [] : [found.from]), shown).toEqual(people([draft.from]));
  expect(seen(found.to), shown).toEqual(people(draft.to));
  expect(seen(found.cc), shown).toEqual(people(draft.cc));
  expect(seen(found.replyTo), shown).toEqual(people(draft.replyTo));
  expect(found.bcc).toBeUndefined();
  if (draft.text !== undefined) expect(trimmed(found.text), shown).toBe(trimmed(draft.text as string));
  if (draft.html !== undefined) expect(trimmed(found.html), shown).toBe(trimmed(draft.html as string));
  const files = found.attachments.map(({ filename, content }) => [
    filename,
    Buffer.from(content as ArrayBuffer).toString('hex'),
  ]);
  expect(files, shown).toEqual(enclosures.map(({ filename, bytes }) => [filename, bytes.toString('hex')]));
}

describe('postal-mime reads', () => {
  it('any draft as it was meant', async () => {
    // It decodes what looks like an encoded word in a parameter too, where RFC 2231 has none.
    const fair = cases.filter(({ enclosures }) =>
      enclosures.every(({ filename }) => !filename.includes('=?')),
    );
    for (const one of fc.sample(fair, { numRuns: 200, seed: 5_322 })) await compare(one);
  });

  it('what others stumble over', async () => {
    const letter = async (name: string) =>
      read(await collect(await compose(LETTERS[name] ?? expect.unreachable())));
    expect((await letter('sixty-recipients')).to).toHaveLength(60);
    expect((await letter('long-subject')).subject).toBe(LONG_SUBJECT);
    expect((await letter('long-url')).html).toContain(LONG_URL);
    expect((await letter('file-name')).attachments[0]?.filename).toBe(FILE_NAME);
  });
});

it('nothing but CRLF ends a line, no line is over 998 octets, and none of the header that could fold is over 78', async () => {
  for (const { draft } of fc.sample(cases, 200)) {
    const octets = await collect(await compose(draft));
    const text = octets.toString('latin1');
    expect(text).not.toMatch(/[^\r]\n|\r[^\n]|[^\0-\x7f]/);
    const lines = text.split('\r\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(998);
    // A blank behind the first word is where a line could have been folded.
    for (const line of lines.slice(0, lines.indexOf('')))
      if (/^\S+ +\S.* \S/.test(line)) expect(line.length, line).toBeLessThanOrEqual(78);
  }
});
