import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../src/errors.ts';
import { attachmentPart, bytesAttachment, fileAttachment } from '../../src/mime/attachment.ts';
import { type Composed, compose } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';

const folder = mkdtempSync(join(tmpdir(), 'mailtool-attachment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
function file(content: string | Uint8Array, name = `file-${++count}.bin`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const person = { name: '', address: 'a@example.org' };
const withFile = async (path: string): Promise<Composed> =>
  compose({ from: person, to: [person], text: 'x', attachments: [await fileAttachment(path)] });

describe('a file', () => {
  it.each([0, 1, 57, 58, 1_000, 3_000_000])('of %d octets comes back whole, twice', async (size) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7) & 255));
    const attachment = await fileAttachment(file(bytes));
    expect(attachment.size).toBe(size);
    const part = await attachmentPart(attachment);
    for (let again = 0; again < 2; again++) {
      const body = await collect(part.body());
      expect(body.length).toBe(part.bodySize);
      expect(Buffer.from(body.toString(), 'base64').equals(bytes)).toBe(true);
    }
  });

  it('has its own name without folders, or the one that is given', async () => {
    const path = file('x', 'a b.pdf');
    expect((await fileAttachment(path)).filename).toBe('a b.pdf');
    expect((await fileAttachment(path, { filename: 'c.txt' })).filename).toBe('c.txt');
  });

  it.each([
    ['that is not there', () => join(folder, 'nowhere'), /no such file/],
    ['in a folder that is none', () => join(file('x'), 'x'), /./],
    ['that is a folder', () => folder, /is a folder/],
    ['that is a device', () => '/dev/null', /not a file/],
    ['whose name holds a NUL', () => 'a\0b', /./],
  ])('%s is an InputError', async (_, path, words) => {
    await expect(fileAttachment(path())).rejects.toThrow(InputError);
    await expect(fileAttachment(path())).rejects.toThrow(words);
  });

  it('that is a named pipe is refused, and not waited for', async () => {
    const path = join(folder, 'pipe');
    if (spawnSync('mkfifo', [path]).status !== 0) return;
    await expect(fileAttachment(path)).rejects.toThrow(/not a file/);
  });

  it.skipIf(process.getuid?.() === 0)('that may not be read is an InputError', async () => {
    const path = file('x');
    chmodSync(path, 0);
    await expect(fileAttachment(path)).rejects.toThrow(/permission denied/);
  });

  it.each([
    ['grown', (path: string) => appendFileSync(path, 'more'), DataError],
    ['grown a lot', (path: string) => appendFileSync(path, Buffer.alloc(3_000_000)), DataError],
    ['shrunk', (path: string) => truncateSync(path, 10), DataError],
    ['been emptied', (path: string) => truncateSync(path, 0), DataError],
    ['been removed', (path: string) => unlinkSync(path), InputError],
    [
      'become a folder',
      (path: string) => {
        unlinkSync(path);
        mkdirSync(path);
      },
      InputError,
    ],
  ])('that has %s meanwhile stops the message before its end', async (_, change, error) => {
    const path = file('x'.repeat(5_000));
    const message = await withFile(path);
    change(path);
    let text = '';
    const reading = (async () => {
      for await (const chunk of message) text += Buffer.from(chunk).toString('latin1');
    })();
    await expect(reading).rejects.toThrow(error);
    // The delimiter that ends the message is what a reader takes for its end.
    expect(text).not.toMatch(/--\r\n$/);
    expect(text.length).toBeLessThan(message.size);
  });
});

describe('its header', () => {
  const headerOf = async (name: string, options: Parameters<typeof bytesAttachment>[2] = {}) =>
    (await attachmentPart(bytesAttachment(name, Buffer.from('x'), options))).header;

  it.each([
    ['a.pdf', 'application/pdf'],
    ['a.PNG', 'image/png'],
    ['a.tar.gz', 'application/gzip'],
    ['a', 'application/octet-stream'],
    ['a.eml', 'application/octet-stream'],
    ['constructor', 'application/octet-stream'],
  ])('says that %s is %s', async (name, type) => {
    expect(await headerOf(name)).toContain(`Content-Type: ${type}; name=${name}\r\n`);
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\temp\\a.txt', 'a.txt'],
    ['/a/b/', undefined],
    ['', undefined],
  ])('takes no folder from %j', async (name, kept) => {
    const header = await headerOf(name);
    if (kept === undefined) expect(header).not.toContain('filename');
    else expect(header).toContain(`Content-Disposition: attachment; filename=${kept}\r\n`);
    expect(header).not.toMatch(/etc|temp|\.\./);
  });

  it('has the type and the content id that are given', async () => {
    const header = await headerOf('a', { type: 'text/x-diff; charset=utf-8', contentId: '<logo@x>' });
    expect(header).toContain('Content-Type: text/x-diff; charset=utf-8; name=a\r\n');
    expect(header).toContain('Content-ID: <logo@x>\r\n');
  });

  it.each([
    '',
    'text',
    'text/',
    '/plain',
    'te xt/plain',
    'text/plain x',
    'text/é',
    'message/rfc822',
    'multipart/mixed',
    'Message/RFC822; a=b',
  ])('refuses the type %j', async (type) => {
    await expect(headerOf('a', { type })).rejects.toThrow(DataError);
  });

  it.each(['', 'a b', 'a<b', 'é', 'x'.repeat(300)])('refuses the content id %j', async (contentId) => {
    await expect(headerOf('a', { contentId })).rejects.toThrow(DataError);
  });
});
