import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compose } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';
import { fixed } from '../mime/drafts.ts';
import { FAMILY, FILE_NAME, LETTERS, LONG_SUBJECT } from '../mime/letters.ts';
import { workspace } from './command.ts';
import { muttTypes } from './pseudo-mutt.ts';
import { describeInterop } from './servers.ts';

const SETTINGS = 'set charset=utf-8 wait_key=no pipe_decode=yes pipe_decode_weed=no quit=yes move=no\n';

/** Has mutt open a message, and type `keys`; gives what it piped to `out` with the folding of its lines taken back. */
async function inMutt(folder: string, name: string, keys: string): Promise<string> {
  const octets = await collect(await compose(LETTERS[name] ?? expect.unreachable(), fixed()));
  const text = octets.toString('latin1').replaceAll('\r\n', '\n');
  writeFileSync(join(folder, 'mbox'), `From x Sat Nov 21 06:00:00 2026\n${text}\n`, 'latin1');
  writeFileSync(join(folder, 'muttrc'), `${SETTINGS}set folder=${folder} spoolfile=${folder}/mbox\n`);
  const pipe = `<pipe-message>cat >${join(folder, 'out')}<enter>`;
  const outcome = await muttTypes(folder, 'mbox', `${pipe}${keys}<exit>`);
  expect(outcome.status, outcome.stderr).toBe(0);
  return readFileSync(join(folder, 'out'), 'utf8').replace(/\n[ \t]/g, ' ');
}

const field = (text: string, name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];

describeInterop('mutt reads', () => {
  it('sixty recipients on one To, and each of them', async () => {
    const files = workspace();
    const to = field(await inMutt(files.path, 'sixty-recipients', ''), 'To');
    expect(to?.split(', ')).toEqual(
      Array.from({ length: 60 }, (_, at) => `Recipient Number ${at + 1} <r${at + 1}@example.org>`),
    );
    files.remove();
  });

  it('a subject of 5,000 characters', async () => {
    const files = workspace();
    expect(field(await inMutt(files.path, 'long-subject', ''), 'Subject')).toBe(LONG_SUBJECT);
    files.remove();
  });

  it('a family of emoji in a name', async () => {
    const files = workspace();
    const from = field(await inMutt(files.path, 'emoji-family', ''), 'From');
    expect(from).toBe(`"The ${FAMILY} family, all of them" <ann@example.org>`);
    files.remove();
  });

  it('the name of a file, and saves it under that', async () => {
    const files = workspace();
    await inMutt(files.path, 'file-name', '<view-attachments><last-entry><save-entry><enter><exit>');
    expect(readFileSync(join(files.path, FILE_NAME), 'latin1')).toBe('%PDF-1.4\n');
    files.remove();
  });
});
