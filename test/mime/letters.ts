import { bytesAttachment } from '../../src/mime/attachment.ts';
import type { Draft } from '../../src/mime/compose.ts';

const ann = { name: 'Ann', address: 'ann@example.org' };
const bob = { name: 'Bob', address: 'bob@example.org' };
const base = { from: ann, to: [bob], subject: 'Hello', text: 'Hi, Bob.\n' };

export const FILE_NAME = 'naïve "报告" 2026; final.pdf';
export const FAMILY = '👩‍👩‍👧‍👦';
export const LONG_URL = `https://example.org/${'path/'.repeat(396)}`;
export const LONG_SUBJECT = '长的主题, and more words to it '.repeat(209).slice(0, 5_000).trim();

/** What other programs stumble over, each as a draft; the files of test/fixtures/golden say what becomes of them. */
export const LETTERS: Readonly<Record<string, Draft>> = {
  'sixty-recipients': {
    ...base,
    to: Array.from({ length: 60 }, (_, at) => ({
      name: `Recipient Number ${at + 1}`,
      address: `r${at + 1}@example.org`,
    })),
  },
  'long-subject': { ...base, subject: LONG_SUBJECT },
  'long-url': { ...base, html: `<p>See <a href="${LONG_URL}">this</a>, Bob.</p>\n` },
  'emoji-family': { ...base, from: { name: `The ${FAMILY} family, all of them`, address: ann.address } },
  'file-name': { ...base, attachments: [bytesAttachment(FILE_NAME, Buffer.from('%PDF-1.4\n'))] },
};
