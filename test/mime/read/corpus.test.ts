import { createHash } from 'node:crypto';
import PostalMime from 'postal-mime';
import { beforeAll, describe, expect, it } from 'vitest';
import { isMessageType } from '../../../src/mime/read/entity.ts';
import type { ReadMessage } from '../../../src/mime/read/index.ts';
import { askPython, noPython } from '../python.ts';
import { corpus } from './corpus.ts';
import { read } from './parts.ts';

it('has each message once, and more than 300', () => {
  expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length);
  expect(corpus.length).toBeGreaterThan(300);
});

it.each(corpus)('$name is read', async ({ octets }) => {
  const before = createHash('sha256').update(octets).digest('hex');
  const found = await read(octets);
  expect(found.text).not.toContain('\r');
  for (const { part, bytes, size } of found.parts) {
    expect(part).toMatch(/^\d+(?:\.\d+)*$/);
    expect(bytes.length).toBe(size);
  }
  expect(new Set(found.parts.map(({ part }) => part)).size).toBe(found.parts.length);
  expect(createHash('sha256').update(octets).digest('hex')).toBe(before);
});

/** What a reader says of a message, as far as both tell it. */
interface Said {
  readonly subject: string | null;
  readonly from: readonly (readonly string[])[];
  readonly to: readonly (readonly string[])[];
  readonly cc: readonly (readonly string[])[];
  readonly leaves: readonly (readonly [type: string, filename: string | null, hash: string])[];
  readonly plain: string | null;
  readonly html: string | null;
}

interface Answer {
  readonly defects: readonly string[];
  readonly said: Said | null;
}

const unix = (text: string | null) => text?.replace(/\r\n?/g, '\n') ?? null;

function saidBy(found: ReadMessage, python: Said): Said {
  const people = (addresses: ReadMessage['from']) => addresses.map(({ name, address }) => [name, address]);
  return {
    subject: found.subject,
    from: people(found.from),
    to: people(found.to),
    cc: people(found.cc),
    leaves: found.parts
      .filter(({ type }) => !isMessageType(type))
      .map(({ type, filename, bytes }) => [type, filename, createHash('sha256').update(bytes).digest('hex')]),
    // Which of the two is shown is tested elsewhere.
    plain:
      python.plain === null
        ? null
        : found.textSource === 'plain'
          ? found.text
          : found.textSource === 'none'
            ? ''
            : python.plain,
    html: python.html === null ? null : found.html,
  };
}

/** Where the two say different things of a message that Python finds nothing wrong with, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'header: folded to nothing': 'the blank of the fold stays with it',
  'header: comment':
    'a comment behind an address is the name that it was before there were names (RFC 5322 A.1.2)',
  'header: folded name': 'between two encoded words it keeps the blank of the fold, which RFC 2047 6.2 drops',
  'broken: line ends of CR': 'it leaves them in the octets of the text',
  'broken: raw latin1 in the header': 'it does not guess; here the charset of the text counts',
  'broken: an empty boundary': 'it takes two dashes for a boundary; here it is text',
  'broken: an unknown multipart':
    'it shows the first text of it, here it is read as multipart/mixed (RFC 2046 5.1.7)',
  'broken: an equals sign that stands for nothing':
    'blanks behind the = of a soft line break are padding (RFC 2045 6.7 (3)), to it they are text',
  'broken: ASCII that is none': 'it does not guess',
  'broken: UTF-8 that is none': 'it does not guess',
  'broken: no charset, 8 bit': 'it does not guess',
  'broken: a report': 'it takes the fields of message/delivery-status apart, here they are one part',
  'broken: flowed text': 'it leaves paragraphs in lines (RFC 3676)',
  'broken: more words than are read': 'it has no limit',
};

/** What is larger takes it minutes. */
const asked = corpus.filter(({ octets }) => octets.length < 50_000);

describe.skipIf(noPython)('Python says the same', () => {
  let answers: Answer[] = [];
  beforeAll(async () => {
    answers = await askPython<Answer>(
      'read_messages.py',
      asked.map(({ octets }) => octets),
    );
  });

  it('of most, and each difference is of a message here', () => {
    const names = new Set(asked.map(({ name }) => name));
    expect(Object.keys(DIFFERENCES).filter((name) => !names.has(name))).toEqual([]);
    expect(answers.filter(({ defects }) => defects.length === 0).length).toBeGreaterThan(200);
  });

  it.each(asked.map(({ name, octets }, index) => ({ name, octets, index })))(
    '$name',
    async ({ name, octets, index }) => {
      const { defects = [], said = null } = answers[index] ?? {};
      if (defects.length > 0 || said === null) return expect(DIFFERENCES[name]).toBeUndefined();
      const theirs = { ...said, plain: unix(said.plain), html: unix(said.html) };
      const ours = saidBy(await read(octets), theirs);
      if (DIFFERENCES[name] === undefined) expect(ours).toEqual(theirs);
      else expect(ours).not.toEqual(theirs);
    },
  );
});

it('postal-mime says the same of what good mailers make', async () => {
  const hash = (octets: Uint8Array) => createHash('sha256').update(octets).digest('hex');
  const trees = corpus.filter(({ name }) => name.startsWith('tree '));
  expect(trees.length).toBe(60);
  for (const { name, octets } of trees) {
    const theirs = await PostalMime.parse(octets);
    const ours = await read(octets);
    expect(ours.subject, name).toBe(theirs.subject);
    expect(ours.from, name).toEqual([theirs.from]);
    expect(ours.to, name).toEqual(theirs.to);
    expect(
      ours.attachments.map(({ filename }) => filename),
      name,
    ).toEqual(theirs.attachments.map(({ filename }) => filename));
    for (const [index, { bytes }] of ours.attachments.entries()) {
      const content = new Uint8Array(theirs.attachments[index]?.content as ArrayBuffer);
      // To quoted-printable it adds the line end that is the boundary's.
      expect([hash(bytes), hash(Buffer.concat([bytes, Buffer.from('\n')]))], name).toContain(hash(content));
    }
  }
});
