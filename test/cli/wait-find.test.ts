import { describe, expect, test } from 'vitest';
import { codeFinder, linkFinder } from '../../src/cli/wait/find.ts';
import { readMessage } from '../../src/mime/read/index.ts';
import { type Mail, message } from './waiting.ts';

const read = (mail: Mail | string) =>
  readMessage(Buffer.from(typeof mail === 'string' ? mail : message(mail), 'utf8'));

function alternative(text: string, html: string): string {
  const part = (type: string, body: string) =>
    `--b\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${body}\r\n`;
  return (
    'From: shop@example.org\r\nSubject: Confirm\r\nMIME-Version: 1.0\r\n' +
    `Content-Type: multipart/alternative; boundary=b\r\n\r\n${part('plain', text)}${part('html', html)}--b--\r\n`
  );
}

describe('the code', () => {
  const code = async (mail: Mail | string, expression?: string) => {
    const found = codeFinder(expression)(await read(mail));
    return found === undefined ? undefined : [found.value, found.others];
  };

  test.each([
    ['Ihr Bestätigungscode lautet: 482913. Er gilt 10 Minuten.', '482913'],
    ['您的验证码是482913，请在10分钟内输入。', '482913'],
    ['認証コード：４８２９１３（有効期限：2026年11月21日）', '482913'],
    ['رمز التحقق الخاص بك هو ٤٨٢٩١٣', '482913'],
    ['کد تأیید شما ۴۸۲۹۱۳ است', '482913'],
    ['Your code is 482 913.', '482913'],
    ['Your code is 482-913', '482913'],
    ['Your code: 482 – 913', '482913'],
    ['Your code: 482\u00a0913\nCall +49 30 482 914 or (555) 482-9140.', '482913'],
    ['Order 20261121, call +49 30 123456, 030 123457, (030) 123458 or 0171/123459. Code: 482913', '482913'],
    ['12:05  482913', '482913'],
    ['Bestellung #123456 vom 21.11.2026: 482913', '482913'],
  ])('%s', async (text, expected) => {
    expect(await code({ text })).toEqual([expected, 0]);
  });

  test.each([
    '<p>Code:</p><span>4</span><span>8</span><span>2</span><span>9</span><span>1</span><span>3</span>',
    '<div>\n<b>4</b>\n<b>8</b>\n<b>2</b>\n<b>9</b>\n<b>1</b>\n<b>3</b>\n</div>',
    '<table><tr><td>4</td><td>8</td><td>2</td><td>9</td><td>1</td><td>3</td></tr></table>',
    '<style>p{color:#123456}</style><p style="color:#123456">48&#8203;29&shy;13</p>',
    '<a href="https://x.example/u/123456?k=654321">Confirm</a> <h1>482&nbsp;913</h1>',
  ])('out of %s', async (html) => {
    expect(await code({ html })).toEqual(['482913', 0]);
  });

  test('digits in groups count for less than six together, but they count', async () => {
    expect(await code({ text: 'Pay 150 000 EUR; the code is 482913' })).toEqual(['482913', 1]);
  });

  test.each(['1 2 3 4 5', '1 2 3 4 5 6 7', '12 345 678', '1 800 555 555', '123 456,00', '123-4567'])(
    'none in %s',
    async (text) => {
      expect(await code({ text })).toBeUndefined();
    },
  );

  test('another one in the subject is another: the order number is taken with a warning, not in silence', async () => {
    const mail = { subject: '482913 is your code', text: 'Order 654321' };
    expect(await code(mail)).toEqual(['654321', 1]);
    expect(await code({ ...mail, text: 'Your code is 482913' })).toEqual(['482913', 0]);
    expect(await code({ subject: '4829 is your code', text: '© 2026' }, String.raw`\b\d{4}\b`)).toEqual([
      '2026',
      1,
    ]);
  });
});

describe('the link', () => {
  const link = async (mail: Mail | string, pattern?: string) => {
    const found = linkFinder(pattern)(await read(mail));
    return found === undefined ? undefined : [found.value, found.others];
  };

  test('is the same in both forms of a message, whatever each had to do to it', async () => {
    const text = 'Confirm: https://x.example/confirm?token=3Dabcdefgh=\r\nijklmnop&u=3D1\r\n';
    const html = '<a href=3D"https://x.example/confirm?token=3Dabcdefgh=\r\nijklmnop&amp;u=3D1">Confirm</a>';
    expect(await link(alternative(text, html))).toEqual([
      'https://x.example/confirm?token=abcdefghijklmnop&u=1',
      0,
    ]);
  });

  test('goes on over a line end where it stands in angle brackets', async () => {
    expect(await link({ text: 'Go to\n<https://x.example/confirm?token=abc\n  def&u=1>.' })).toEqual([
      'https://x.example/confirm?token=abcdef&u=1',
      0,
    ]);
  });

  test.each([
    ['Zum Bestätigen „https://x.example/c?t=abc“ öffnen.', 'https://x.example/c?t=abc'],
    ['请点击https://x.example/c?t=abc，24小时内有效。', 'https://x.example/c?t=abc'],
    ['こちら（https://x.example/c?t=abc）から', 'https://x.example/c?t=abc'],
    ['اضغط هنا: https://x.example/c?t=abc\u200f، شكرا', 'https://x.example/c?t=abc'],
  ])('ends where its sentence goes on: %s', async (text, expected) => {
    expect(await link({ text })).toEqual([expected, 0]);
  });

  test('is told from others by its text, behind redirects that look alike, and from the way to unsubscribe', async () => {
    const html =
      '<a href="https://t.example/c/1"><img src="https://t.example/p.gif"></a>' +
      '<a href="https://t.example/u/1">Unsubscribe</a>' +
      '<a href="https://t.example/c/2"><span>Confirm</span>\n <b>address</b></a>' +
      '<a href="https://t.example/u/2">Abmelden</a>';
    expect(await link({ html }, 'confirm address')).toEqual(['https://t.example/c/2', 0]);
    expect(await link({ html })).toEqual(['https://t.example/c/1', 3]);
  });
});
