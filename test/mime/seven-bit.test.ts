import { describe, expect, it } from 'vitest';
import { UnsupportedError } from '../../src/errors.ts';
import type { Takes } from '../../src/mime/part.ts';
import { type RawMessage, rawMessage } from '../../src/mime/raw.ts';
import { chunks, collect, FEEDS, streamOf } from '../feeds.ts';

const SEVEN: Takes = { eightBit: false, binary: false, utf8: false };
const EIGHT: Takes = { ...SEVEN, eightBit: true };

const raw = (text: string | Buffer, size = Number.POSITIVE_INFINITY): Promise<RawMessage> => {
  const octets = Buffer.from(text as Buffer);
  return rawMessage({ size: octets.length, open: () => streamOf(chunks(octets, size)) });
};

/** The message for a server that takes so much, with LF line ends; its size has to be the one that was promised. */
async function sent(text: string | Buffer, takes: Takes, size?: number): Promise<string> {
  const message = await (await raw(text, size)).prepared(takes);
  const octets = await collect(message);
  expect(octets.length).toBe(message.size);
  expect(octets.some((octet) => octet > 127)).toBe(message.eightBit);
  return octets.toString('utf8').replaceAll('\r\n', '\n');
}

const mixed = (...parts: string[]) =>
  `To: a@b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n${parts
    .map((part) => `--b\n${part}\n`)
    .join('')}--b--\n`;
const relabelled = (...parts: string[]) => mixed(...parts).replace('8bit', '7bit');

describe.each(FEEDS)('for a server of 7-bit lines, read $name', ({ size }) => {
  it.each([
    [
      'a text that is mostly ASCII',
      'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\nTo: a@b\n\nGrüße, and all the best to you\n',
      'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nTo: a@b\n\nGr=C3=BC=C3=9Fe, and all the best to you\n',
    ],
    [
      'a text that is not',
      'To: a@b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n报告\n',
      'To: a@b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n5oql5ZGKDQo=\n',
    ],
    [
      'a message that is no MIME yet',
      'To: a@b\n\nGrüße, and all the best to you',
      'To: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe, and all the best to you\n',
    ],
    [
      'hidden recipients, two labels, and a folded one',
      'Bcc: c@d\nContent-Transfer-Encoding:\n 8bit\nTo: a@b\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\n\nall but one é\n',
      'Content-Transfer-Encoding: quoted-printable\nTo: a@b\nMIME-Version: 1.0\n\nall but one =C3=A9\n',
    ],
    [
      'parts, of which one has no header and no blank line',
      mixed('\nplain', 'éa text without a header', 'Content-Transfer-Encoding: 8bit\n\nASCII'),
      relabelled(
        '\nplain',
        'Content-Transfer-Encoding: quoted-printable\n\n=C3=A9a text without a header',
        'Content-Transfer-Encoding: 7bit\n\nASCII',
      ),
    ],
    [
      'a message within, inside out',
      mixed(
        'Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nTo: x@y\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\nall but one é',
      ),
      relabelled(
        'Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nTo: x@y\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nall but one =C3=A9',
      ),
    ],
    [
      'a file that nobody encoded',
      mixed('Content-Type: image/png\nContent-Transfer-Encoding: binary\n\né\n\0'),
      mixed('Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nw6kKAA==\n'),
    ],
    [
      '8-bit octets in quoted-printable and in base64',
      mixed(
        'Content-Transfer-Encoding: quoted-printable\n\né=C3=A9=\n=é',
        'Content-Transfer-Encoding: base64\n\nQUéJD',
      ),
      relabelled(
        'Content-Transfer-Encoding: quoted-printable\n\n=C3=A9=C3=A9=\n=3D=C3=A9',
        'Content-Transfer-Encoding: base64\n\nQUJD\n',
      ),
    ],
    [
      'what no reader shows, and blanks behind a boundary',
      mixed('\nx').replace('\n\n--b\n', '\n\nVorwörter\n--b \t\n').concat('Fußnote\n'),
      relabelled('\nx').replace('\n\n--b\n', '\n\nVorw=C3=B6rter\n--b \t\n').concat('Fu=C3=9Fnote\n'),
    ],
    [
      'a signed part beside one that is not',
      mixed(
        'Content-Type: multipart/signed; boundary=s\nContent-Transfer-Encoding: 8bit\n\n--s\n\nsigned\n--s--',
        '\nall but one é',
      ),
      relabelled(
        'Content-Type: multipart/signed; boundary=s\nContent-Transfer-Encoding: 8bit\n\n--s\n\nsigned\n--s--',
        'Content-Transfer-Encoding: quoted-printable\n\nall but one =C3=A9',
      ),
    ],
    [
      'nothing to do',
      'To: a@b\nContent-Transfer-Encoding: 8bit\n\nx\n',
      'To: a@b\nContent-Transfer-Encoding: 8bit\n\nx\n',
    ],
  ])('%s', async (_, text, made) => {
    expect(await sent(text, SEVEN, size)).toBe(made);
  });
});

describe('refused, for it would come to harm', () => {
  it.each([
    ['a signed part', mixed('Content-Type: multipart/signed; boundary=s\n\n--s\n\né\n--s--'), /signed/],
    ['S/MIME', mixed('Content-Type: application/pkcs7-mime\n\né'), /signed/],
    ['DKIM', 'DKIM-Signature: v=1\nTo: a@b\n\né\n', /DKIM/],
    ['the header', 'Subject: é\n\nx\n', /header/],
    ['the header of a part', mixed('Content-Type: text/plain; name=é\n\nx'), /header .* line 8 /],
    ['a multipart without parts', mixed('\nx').replaceAll('--b', 'é'), /no parts/],
    ['a multipart without a boundary', 'Content-Type: multipart/mixed\n\né\n', /boundary/],
    ['an unknown encoding', 'Content-Transfer-Encoding: x-uuencode\n\né\n', /unknown encoding/],
    ['a report', mixed('Content-Type: message/delivery-status\n\né'), /may not be encoded/],
    ['a header that is none', 'To: a@b\nno field\n\né\n', /line 2 .* no header field/],
  ])('%s', async (_, text, why) => {
    const message = await raw(text);
    const failure = message.prepared(SEVEN);
    await expect(failure).rejects.toThrow(UnsupportedError);
    await expect(failure).rejects.toThrow(why);
    await expect(failure).rejects.toMatchObject({ keyword: '8BITMIME', stage: 'mail' });
    // Elsewhere it may pass.
    expect(await message.prepared(EIGHT)).toBe(message);
  });

  it('a nest of parts without an end', async () => {
    const deep = Array.from(
      { length: 200 },
      (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`,
    );
    await expect((await raw(`${deep.join('')}\né\n`)).prepared(SEVEN)).rejects.toThrow(/too deep/);
  });

  it('more parts than are remembered', async () => {
    const many = await raw(mixed('\né').replace('--b\n\né\n', '--b\n\né\n'.repeat(30_000)));
    await expect(many.prepared(SEVEN)).rejects.toThrow(/too many parts/);
  });
});

describe('for a server of 8-bit lines', () => {
  it('only what fits on no line is encoded', async () => {
    const long = `${'x'.repeat(999)}é`;
    const message = await sent(mixed('\né', `\n${long}`, 'Content-Type: image/png\n\n\0'), EIGHT);
    expect(message).toContain('8bit\n\n--b\n\né\n--b\nContent-Transfer-Encoding: quoted-printable\n\nxxx');
    expect(message).toContain('base64\n\nAA==\n');
    expect(Math.max(...message.split('\n').map((line) => line.length))).toBeLessThanOrEqual(76);
  });

  it('a line of any length is sent', async () => {
    const made = await sent(`To: a@b\n\n${'x'.repeat(300_000)}\n`, EIGHT, 10_000);
    const [, body = ''] = made.split('\n\n');
    expect(Buffer.from(body, 'base64').toString()).toBe(`${'x'.repeat(300_000)}\r\n`);
    const quoted = await sent(
      `Content-Transfer-Encoding: quoted-printable\n\nx${'=41'.repeat(100_000)}\n`,
      EIGHT,
      10_000,
    );
    const lines = quoted.split('\n\n')[1] ?? '';
    expect(lines.replaceAll('=\n', '')).toBe(`x${'=41'.repeat(100_000)}\n`);
    expect(lines).toMatch(/^(?:x?(?:=41){1,25}=?\n)+$/);
  });

  it('a header in UTF-8 is announced where that is understood', async () => {
    const message = await raw('Subject: é\n\nx\n');
    expect((await message.prepared(EIGHT)).smtpUtf8).toBeUndefined();
    expect(await message.prepared({ ...EIGHT, utf8: true })).toMatchObject({
      smtpUtf8: true,
      eightBit: true,
    });
    const latin = await raw(Buffer.from('Subject: é\n\nx\n', 'latin1'));
    expect((await latin.prepared({ ...EIGHT, utf8: true })).smtpUtf8).toBeUndefined();
    const body = await raw('Subject: x\n\né\n');
    expect((await body.prepared({ ...EIGHT, utf8: true })).smtpUtf8).toBeUndefined();
  });
});

it('fails before its end when the file has changed, also to one of the same size', async () => {
  let text = 'To: a@b\r\n\r\nall but one: é.\r\n';
  const size = Buffer.byteLength(text);
  const message = await rawMessage({ size, open: () => streamOf([text]) });
  const prepared = await message.prepared(SEVEN);
  text = 'To: a@b\r\n\r\nall but on éé.\r\n';
  expect(Buffer.byteLength(text)).toBe(size);
  await expect(collect(prepared)).rejects.toThrow(/changed/);
});
