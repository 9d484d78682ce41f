import { spawnSync } from 'node:child_process';
import { appendFile, chmod, mkdir, mkdtemp, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../src/errors.ts';
import {
  type Attachment,
  attachmentPart,
  bytesAttachment,
  fileAttachment,
} from '../../src/mime/attachment.ts';
import { compose } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailtool-attachment-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file of its own for each test. */
async function file(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const draftWith = (attachment: Attachment) => ({
  from: { name: '', address: 'a@example.org' },
  to: [{ name: '', address: 'b@example.org' }],
  attachments: [attachment],
});

describe('fileAttachment', () => {
  it('has the name and size of the file, and its bytes as often as they are asked for', async () => {
    const bytes = Buffer.alloc(2_500_000, 'some text of no length in particular');
    const attachment = await fileAttachment(await file('report.pdf', bytes));
    expect([attachment.filename, attachment.size]).toEqual(['report.pdf', bytes.length]);
    for (let time = 0; time < 2; time++) expect((await collect(attachment.open())).equals(bytes)).toBe(true);
  });

  it('takes an empty file', async () => {
    const attachment = await fileAttachment(await file('empty', ''));
    expect(attachment.size).toBe(0);
    expect(await collect(attachment.open())).toHaveLength(0);
    const message = await compose(draftWith(attachment));
    expect((await collect(message)).length).toBe(message.size);
  });

  it('takes the name and type that are given', async () => {
    const attachment = await fileAttachment(await file('x', 'y'), { filename: 'Q3.pdf', type: 'text/csv' });
    const { header } = await attachmentPart(attachment);
    expect(header).toContain('Content-Type: text/csv; name=Q3.pdf\r\n');
    expect(header).toContain('Content-Disposition: attachment; filename=Q3.pdf\r\n');
  });

  it('folds the parameters of a type, and has its name once', async () => {
    const long = `x=${'y'.repeat(60)}`;
    const type = `text/plain; charset=gb2312;${long}; z="a; b"`;
    const { header } = await attachmentPart(bytesAttachment('Q3.txt', Buffer.from('y'), { type }));
    expect(header).toContain(
      `Content-Type: text/plain; charset=gb2312;\r\n ${long}; z="a; b";\r\n name=Q3.txt\r\n`,
    );
    const named = bytesAttachment('Q3.txt', Buffer.from('y'), { type: 'a/b; Name="x y"' });
    expect((await attachmentPart(named)).header).toContain('Content-Type: a/b; Name="x y"\r\n');
  });

  it.each([
    'text',
    'text/plain;',
    'text/plain; x',
    'text; a=b/plain',
    'a/b; x="y',
    'a/b; x=y z',
    'a/b;; x=y',
    'a/b; x=é',
  ])('refuses %j as a type', async (type) => {
    await expect(attachmentPart(bytesAttachment('x', Buffer.from('y'), { type }))).rejects.toThrow(
      'media type',
    );
  });

  it('ends with an InputError before anything is sent when there is no such file', async () => {
    await expect(fileAttachment(join(folder, 'missing'))).rejects.toThrow(InputError);
    await expect(fileAttachment(join(folder, 'missing'))).rejects.toThrow(/missing.*no such file/);
    await expect(fileAttachment('a\0b')).rejects.toThrow(InputError);
    await expect(fileAttachment('')).rejects.toThrow(InputError);
  });

  it('refuses a folder, and anything else that is no file', async () => {
    await mkdir(join(folder, 'sub'));
    await expect(fileAttachment(join(folder, 'sub'))).rejects.toThrow(/folder/);
    await expect(fileAttachment('/dev/null')).rejects.toThrow(InputError);
    const pipe = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    // Opening it would wait for somebody to write to it.
    await expect(fileAttachment(pipe)).rejects.toThrow(/not a file/);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a file that may not be read', async () => {
    const path = await file('secret', 'x');
    await chmod(path, 0);
    await expect(fileAttachment(path)).rejects.toThrow(/permission denied/);
  });

  it.each([
    ['grows', (path: string) => appendFile(path, 'x'), DataError],
    ['shrinks', (path: string) => truncate(path, 1_000_000), DataError],
    ['is emptied', (path: string) => truncate(path, 0), DataError],
    ['goes away', (path: string) => unlink(path), InputError],
    [
      'becomes a folder',
      async (path: string) => {
        await unlink(path);
        await mkdir(path);
      },
      InputError,
    ],
  ] as const)('fails the message before its end when the file %s', async (what, change, kind) => {
    const path = await file(`changes ${what}`, Buffer.alloc(2_500_000, 1));
    const message = await compose(draftWith(await fileAttachment(path)));
    expect((await collect(message)).length).toBe(message.size);
    await change(path);
    await expect(collect(message)).rejects.toThrow(kind);
  });

  it('fails the message when the file changes while it is read', async () => {
    const path = await file('moving', Buffer.alloc(5_000_000, 1));
    const message = await compose(draftWith(await fileAttachment(path)));
    let octets = 0;
    const reading = (async () => {
      for await (const chunk of message) {
        if (octets === 0) await truncate(path, 3_000_000);
        octets += chunk.length;
      }
    })();
    await expect(reading).rejects.toThrow(/changed while it was read/);
    expect(octets).toBeLessThan(message.size);
  });

  it('closes the file when the message is abandoned', async () => {
    const path = await file('abandoned', Buffer.alloc(5_000_000, 1));
    const attachment = await fileAttachment(path);
    for (let time = 0; time < 50; time++) for await (const _ of attachment.open()) break;
    const { stdout } = spawnSync('ls', ['-l', `/proc/${process.pid}/fd`]);
    expect(stdout.toString()).not.toContain('abandoned');
  });
});

describe('a source of its own', () => {
  const source = (size: number, open: () => AsyncIterable<Uint8Array>): Attachment => ({
    filename: 'x.bin',
    size,
    open,
  });

  it('passes its failure on', async () => {
    const message = await compose(
      draftWith(
        source(10, async function* () {
          yield Buffer.from('hello');
          throw new InputError('the disk is gone');
        }),
      ),
    );
    await expect(collect(message)).rejects.toThrow('the disk is gone');
  });

  it('may use its memory again for each chunk', async () => {
    const page = Buffer.alloc(1_000);
    const message = await compose(
      draftWith(
        source(300_000, async function* () {
          for (let at = 0; at < 300; at++) yield page.fill(at);
        }),
      ),
    );
    const text = (await collect(message)).toString('latin1');
    const body = text.slice(text.indexOf('\r\n\r\n', text.indexOf('filename=')), text.lastIndexOf('\r\n--'));
    const bytes = Buffer.from(body, 'base64');
    expect(bytes).toHaveLength(300_000);
    for (let at = 0; at < 300; at++)
      expect(bytes.subarray(at * 1_000, (at + 1) * 1_000).every((octet) => octet === (at & 255))).toBe(true);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('cannot have a size of %s', async (size) => {
    await expect(compose(draftWith(source(size, async function* () {})))).rejects.toThrow(DataError);
  });
});

describe('attachmentPart', () => {
  const header = async (filename: string, options = {}) =>
    (await attachmentPart(bytesAttachment(filename, Buffer.from('x'), options))).header;

  it.each([
    ['a.pdf', 'application/pdf'],
    ['a.PDF', 'application/pdf'],
    ['a.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['a.png', 'image/png'],
    ['a.txt', 'text/plain'],
    ['a.eml', 'application/octet-stream'],
    ['a.unheard-of', 'application/octet-stream'],
    ['a', 'application/octet-stream'],
    ['__proto__', 'application/octet-stream'],
  ])('knows the type of %s', async (filename, type) => {
    expect(await header(filename)).toMatch(
      new RegExp(`^Content-Type: ?(?:\r\n )?${type};`.replaceAll('.', '\\.')),
    );
  });

  it('names no folders', async () => {
    expect(await header('../../etc/x.bin')).toContain('filename=x.bin');
    expect(await header('C:\\temp\\x.bin')).toContain('filename=x.bin');
    expect(await header('x/')).not.toContain('name');
  });

  it('has a plain name for old readers beside the full one', async () => {
    const text = await header('naïve "报告" 2026; final.pdf');
    expect(text).toContain(`name="naive '_' 2026; final.pdf"`);
    expect(text).toContain(
      "filename*0*=utf-8''na%C3%AFve%20%22%E6%8A%A5%E5%91%8A%22%202026%3B%20final.;\r\n filename*1*=pdf",
    );
  });

  it.each([
    ['=?utf-8?Q?x?=.txt', "filename*=utf-8''%3D%3Futf-8%3FQ%3Fx%3F%3D.txt"],
    ["utf-8''x.txt", "filename*=utf-8''utf-8%27%27x.txt"],
    ["it's.txt", 'filename="it\'s.txt"'],
  ])('writes the name %j so that no reader decodes it', async (filename, written) => {
    expect(await header(filename)).toContain(`${written}\r\n`);
  });

  it.each(['a\rb', 'a\nb', 'a\r\nBcc: x@y', 'a\0b', '\n/x'])('refuses the name %j', async (filename) => {
    await expect(header(filename)).rejects.toThrow(DataError);
  });

  it.each([
    'text',
    'text/',
    '/plain',
    'text plain',
    'text/plain\r\nX: y',
    'text/plain; charset=x\r\nX: y',
    'text/plain\0',
    'täxt/plain',
    'message/rfc822',
    'multipart/mixed',
    'MESSAGE/x',
    '',
  ])('refuses the type %j', async (type) => {
    await expect(header('x', { type })).rejects.toThrow(DataError);
  });

  it.each([
    ['logo', 'Content-ID: <logo>'],
    ['<logo@here>', 'Content-ID: <logo@here>'],
  ])('writes the content id %j', async (contentId, line) => {
    expect(await header('x', { contentId })).toContain(`${line}\r\n`);
  });

  it.each(['', 'a b', 'a\r\nX: y', 'a>b', 'a<b', 'é', 'a\0', 'x'.repeat(300)])(
    'refuses the content id %j',
    async (contentId) => {
      await expect(header('x', { contentId })).rejects.toThrow(DataError);
    },
  );
});
