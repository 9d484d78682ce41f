import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../src/errors.ts';
import { bytesAttachment } from '../../src/mime/attachment.ts';
import { compose, type Draft } from '../../src/mime/compose.ts';
import { collect } from '../feeds.ts';
import { fixed } from './drafts.ts';

let root: string;
let folder: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'mailtool-inline-'));
  folder = join(root, 'mail');
  mkdirSync(join(folder, 'img'), { recursive: true });
  writeFileSync(join(folder, 'logo.png'), 'LOGO');
  writeFileSync(join(folder, 'img', 'größe 1.png'), 'SIZE');
  writeFileSync(join(folder, '.env'), 'secret');
  writeFileSync(join(root, 'private.png'), 'PRIVATE');
  symlinkSync(join(root, 'private.png'), join(folder, 'link.png'));
  symlinkSync(join(folder, 'logo.png'), join(folder, 'again.png'));
  symlinkSync(join(folder, '.env'), join(folder, 'env.png'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const from = { name: '', address: 'a@example.org' };
const written = async (draft: Partial<Draft>) =>
  (await collect(await compose({ from, to: [from], text: 't', ...draft }, fixed()))).toString();
const structure = (text: string) => [...text.matchAll(/^Content-Type: ([^;\r]+)/gm)].map(([, type]) => type);

describe('images that the HTML names', () => {
  it('come from its folder as related parts, the same file once', async () => {
    const text = await written({
      html:
        '<body background=logo.png><img src="logo.png"><IMG alt=x SRC=\'./img/gr%C3%B6%C3%9Fe%201.png?v=2#x\'>' +
        '<img src="again.png"> logo.png',
      htmlFolder: folder,
    });
    expect(structure(text)).toEqual([
      'multipart/alternative',
      'text/plain',
      'multipart/related',
      'text/html',
      'image/png',
      'image/png',
    ]);
    const [logo, size] = ['image1.fixed2@example.org', 'image2.fixed3@example.org'];
    expect(text.replace(/=\r\n/g, '')).toContain(
      `<body background=cid:${logo}><img src="cid:${logo}"><IMG alt=x SRC='cid:${size}'><img src="cid:${logo}"> logo.png`,
    );
    expect(text).toContain(`Content-ID: <${logo}>\r\n\r\nTE9HTw==\r\n`);
    expect(text).toContain(`Content-Disposition: inline; filename=logo.png\r\nContent-ID: <${logo}>`);
    expect(text).toContain(`Content-ID: <${size}>\r\n\r\nU0laRQ==\r\n`);
  });

  it('stay as they are where they are elsewhere, in comments, or no folder is named', async () => {
    const html =
      '<img src="https://x.example/a.png"><img src="//x/a.png"><img src="data:image/png;base64,AA=="><img src="">' +
      '<!-- <img src="logo.png"> --><a href="logo.png">x</a>';
    expect(await written({ html, htmlFolder: folder })).toContain(html);
    expect(await written({ html: '<img src="logo.png">' })).toContain('<img src="logo.png">');
  });

  it.each([
    '../private.png',
    '/etc/hostname.png',
    'img/../../private.png',
    '%2e%2e/private.png',
    'link.png',
    'env.png',
    '.env',
    'x%00.png',
    '../nobody.png',
  ])('are refused as %s', async (path) => {
    await expect(written({ html: `<img src="${path}">`, htmlFolder: folder })).rejects.toThrow(DataError);
  });

  it('have to be there', async () => {
    await expect(written({ html: '<img src="no.png">', htmlFolder: folder })).rejects.toThrow(InputError);
    await expect(written({ html: '<img src="img.png/x.png">', htmlFolder: folder })).rejects.toThrow(
      'the HTML names the image "img.png/x.png"',
    );
  });

  it('may be attachments: by content id, or by the name of an inline one', async () => {
    const plain = bytesAttachment('plain.png', Buffer.from('1'), { contentId: 'one@x' });
    const inline = { ...bytesAttachment('two.png', Buffer.from('2')), inline: true };
    const other = bytesAttachment('three.png', Buffer.from('3'));
    const text = await written({
      html: '<img src="cid:one%40x"><img src="../anywhere/two.png"><img src="cid:unknown">',
      htmlFolder: folder,
      attachments: [other, plain, inline],
    });
    expect(text.replace(/=\r\n/g, '')).toContain(
      '<img src="cid:one%40x"><img src="cid:image1.fixed2@example.org"><img src="cid:unknown">',
    );
    const dispositions = [...text.matchAll(/^Content-Disposition: ([^;]+); filename=(.*)\r$/gm)];
    expect(dispositions.map(([, how, name]) => `${how} ${name}`)).toEqual([
      'inline two.png',
      'inline plain.png',
      'attachment three.png',
    ]);
    expect(structure(text).slice(0, 4)).toEqual([
      'multipart/mixed',
      'multipart/alternative',
      'text/plain',
      'multipart/related',
    ]);
  });
});
