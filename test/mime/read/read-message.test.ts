import { describe, expect, it } from 'vitest';
import { html, lines, multipart, numbers, plain, read } from './parts.ts';

describe('the body', () => {
  it('is plain text where there is some, with the HTML beside it', async () => {
    const found = await read(multipart('alternative', 'b', plain('Hi\r\nthere'), html('<p>Ho</p>')));
    expect(found).toMatchObject({
      text: 'Hi\nthere',
      textSource: 'plain',
      html: '<p>Ho</p>',
      attachments: [],
    });
    expect(numbers(found)).toEqual(['1 text/plain', '2 text/html']);
    expect(found.warnings).toEqual([]);
  });

  it('is the HTML as text where the plain text has nothing', async () => {
    const found = await read(multipart('alternative', 'b', plain(' \r\n'), html('<p>Ho &amp; hi</p>')));
    expect(found).toMatchObject({ text: 'Ho & hi\n', textSource: 'html' });
  });

  it('is nothing where there is none', async () => {
    expect(await read('')).toMatchObject({
      text: '',
      textSource: 'none',
      html: null,
      attachments: [],
      headers: [],
    });
    expect(await read('Subject: x\r\n')).toMatchObject({
      text: '',
      textSource: 'none',
      attachments: [],
      subject: 'x',
    });
  });

  it('leaves attachments, and texts with a name behind another, alone', async () => {
    const found = await read(
      multipart(
        'mixed',
        'b',
        multipart(
          'related',
          'r',
          html('<img src="cid:x">Hi'),
          'Content-Type: image/png\r\nContent-ID: <x>\r\n\r\nPNG',
        ),
        plain('note', 'Content-Disposition: inline; filename="note.txt"\r\n'),
        plain('a', 'Content-Disposition: attachment\r\n'),
        plain('footer'),
      ),
    );
    expect(found.text).toBe('Hi\n\nfooter\n');
    expect(found.textSource).toBe('html');
    expect(
      found.attachments.map(({ part, contentId, filename, disposition }) => [
        part,
        contentId,
        filename,
        disposition,
      ]),
    ).toEqual([
      ['1.2', 'x', null, null],
      ['2', null, 'note.txt', 'inline'],
      ['3', null, null, 'attachment'],
    ]);
  });

  it('begins with the named root of multipart/related', async () => {
    const type = 'Content-Type: multipart/related; boundary=b; start="<root>"\r\n\r\n';
    const found = await read(
      `${type}--b\r\n\r\nfirst\r\n--b\r\nContent-ID: <root>\r\n${html('<b>root</b>')}\r\n--b--\r\n`,
    );
    expect(found.text).toBe('root\n');
  });

  it('of a report is what a person reads', async () => {
    const found = await read(
      multipart(
        'report',
        'b',
        plain('It failed.'),
        'Content-Type: message/delivery-status\r\n\r\nAction: failed',
        'Content-Type: text/rfc822-headers\r\n\r\nSubject: x',
      ),
    );
    expect(found.text).toBe('It failed.');
    expect(found.attachments.map(({ type }) => type)).toEqual([
      'message/delivery-status',
      'text/rfc822-headers',
    ]);
  });

  it('of a signed message is what was signed', async () => {
    const found = await read(
      multipart(
        'signed',
        'b',
        plain('Signed.'),
        'Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n--',
      ),
    );
    expect(found.text).toBe('Signed.');
    expect(found.attachments.map(({ filename }) => filename)).toEqual(['signature.asc']);
  });

  it('of a digest is what its messages say', async () => {
    const found = await read(
      multipart('digest', 'b', '\r\nSubject: one\r\n\r\nFirst', '\r\nSubject: two\r\n\r\nSecond'),
    );
    expect(found.text).toBe('Subject: one\n\nFirst\n\nSubject: two\n\nSecond\n');
    expect(numbers(found)).toEqual([
      '1 message/rfc822',
      '1.1 text/plain',
      '2 message/rfc822',
      '2.1 text/plain',
    ]);
    expect(found.attachments.map(({ part }) => part)).toEqual(['1', '2']);
  });

  it.each([
    [
      'no',
      'I am \r\nhere.\r\n> quo \r\n> ted\r\n>> deep\r\n-- \r\nme\r\n  stuffed',
      'I am here.\n> quo ted\n>> deep\n-- \nme\n stuffed',
    ],
    ['yes', 'sil \r\nver\r\n', 'silver\n'],
  ])('in format=flowed with delsp=%s is in paragraphs', async (delSp, text, paragraphs) => {
    const found = await read(`Content-Type: text/plain; format=flowed; delsp=${delSp}\r\n\r\n${text}`);
    expect(found.text).toBe(paragraphs);
  });

  it.each([
    ['Content-Type: text/html', '<meta charset="koi8-r">\xed\xc9\xd2', 'Мир\n'],
    ['Content-Type: text/html; charset=koi8-r', '<meta charset="utf-8">\xed\xc9\xd2', 'Мир\n'],
    ['Content-Type: text/plain; charset=windows-1252', '\x80 \x93x\x94', '€ “x”'],
    ['Content-Type: text/plain; charset="unicode-1-1-utf-7"', 'Hi +AOk-', 'Hi é'],
    ['Content-Type: text/plain; charset="utf-8', 'h\xc3\xa9', 'hé'],
    ['Content-Transfer-Encoding: x-uuencode', 'begin 644 x\r\n#0V%T\r\n`\r\nend\r\n', 'Cat'],
    ['Content-Transfer-Encoding: "base64"', 'S!G?k', 'Hi'],
    ['Content-Transfer-Encoding: Quoted-Printable (x)', 'a=3D=\r\nb=XY=2', 'a=b=XY=2'],
  ])('%s is decoded', async (field, body, text) => {
    const found = await read(lines(field, '', body));
    expect(found.text).toBe(text);
    expect(found.warnings).toEqual([]);
  });

  it.each([
    [
      'Content-Type: text/plain; charset=x-foo',
      'h\xc3\xa9',
      'hé',
      'part 1 is not in the charset that it names, "x-foo"',
    ],
    [
      'Content-Type: text/plain; charset="\x1b[2J"',
      'h\xe9',
      'hé',
      'part 1 is not in the charset that it names, "',
    ],
    ['X: y', 'h\xe9', 'hé', 'part 1 names no charset'],
    ['Content-Transfer-Encoding: rot13', 'uryyb', 'uryyb', 'unknown transfer encoding'],
  ])('%j is guessed, and said so', async (field, body, text, warning) => {
    const found = await read(lines(field, '', body));
    expect(found.text).toBe(text);
    expect(found.warnings.join()).toContain(warning);
    expect(found.warnings.join()).not.toContain('\x1b');
  });
});

describe('parts', () => {
  it('are numbered as in IMAP', async () => {
    const inner = `Content-Type: message/rfc822\r\n\r\nSubject: in\r\n${multipart('mixed', 'i', plain('x'), 'Content-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\nz')}`;
    const found = await read(
      multipart('mixed', 'b', multipart('alternative', 'a', plain('x'), html('y')), inner, plain('z')),
    );
    expect(numbers(found)).toEqual([
      '1.1 text/plain',
      '1.2 text/html',
      '2 message/rfc822',
      '2.1 text/plain',
      '2.2 message/rfc822',
      '2.2.1 text/plain',
      '3 text/plain',
    ]);
    expect(found.attachments.map(({ part }) => part)).toEqual(['2']);
    expect(found.text).toBe('x\n\nz\n');
  });

  it('of a message within that is encoded all the same are found', async () => {
    const message = Buffer.from('Subject: in\r\n\r\nHello').toString('base64');
    const found = await read(
      multipart(
        'mixed',
        'b',
        plain('x'),
        `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${message}`,
      ),
    );
    expect(numbers(found)).toEqual(['1 text/plain', '2 message/rfc822', '2.1 text/plain']);
    expect(Buffer.from(found.attachments[0]?.bytes ?? []).toString()).toBe('Subject: in\r\n\r\nHello');
  });

  it.each([
    ['filename=plain.txt', 'plain.txt'],
    ['filename="a \\"b\\" c.txt"', 'a "b" c.txt'],
    ['filename="C:\\dir\\x.txt"', 'C:\\dir\\x.txt'],
    ['filename=Invoice(1).pdf (a comment; filename=x)', 'Invoice(1).pdf'],
    ['filename*=utf-8\'\'%e2%82%ac%20x.txt; filename="x.txt"', '€ x.txt'],
    ["filename*=windows-1252''%80.txt", '€.txt'],
    ['filename*=%41.txt', 'A.txt'],
    ['filename*1*=%82%ac; filename*2=".txt"; filename*0*=utf-8\'en\'%e2', '€.txt'],
    ['filename*1="ual report.pdf"; filename*0="Ann"', 'Annual report.pdf'],
    ['filename="=?utf-8?q?=E2=82=AC?=.txt"', '€.txt'],
    ['filename="\xc3\xa9.txt"', 'é.txt'],
    ['filename="\xe9.txt"', 'é.txt'],
    ['filename="../../etc/passwd"', '../../etc/passwd'],
    ['filename=', null],
  ])('have the name of %s', async (parameter, filename) => {
    const found = await read(
      lines(
        'Content-Type: application/x; name=other',
        `Content-Disposition: attachment; ${parameter}`,
        '',
        'x',
      ),
    );
    expect(found.parts[0]?.filename).toBe(filename ?? 'other');
    expect(found.attachments).toHaveLength(1);
  });
});

describe('the header', () => {
  it('is decoded', async () => {
    const found = await read(
      lines(
        'From: =?utf-8?q?Smith=2C_J=C3=B6rg?= <j@example.org>',
        'To: a@example.org, "B, C" <b@example.org>; Team: c@example.org, d@example.org;',
        'Reply-To: x at y',
        'Subject: =?UTF-8?B?4oI=?= =?utf-8?B?rA==?=',
        '\t=?iso-2022-jp?B?GyRCSnM5cBsoQg==?= end',
        'Date: Sat, 21 Nov 2026 11:00:00 +0100',
        'Message-ID: <1@example.org>',
        'References: <a@b> junk <c@d>',
        'In-Reply-To: Your message <e@f>',
        '',
        '',
      ),
    );
    expect(found).toMatchObject({
      from: [{ name: 'Smith, Jörg', address: 'j@example.org' }],
      to: [
        { name: '', address: 'a@example.org' },
        { name: 'B, C', address: 'b@example.org' },
        { name: '', address: 'c@example.org' },
        { name: '', address: 'd@example.org' },
      ],
      subject: '€報告 end',
      date: new Date('2026-11-21T10:00:00Z'),
      messageId: '<1@example.org>',
      references: ['<a@b>', '<c@d>'],
      inReplyTo: ['<e@f>'],
    });
    expect(found.headers[3]).toEqual({ name: 'Subject', value: '€報告 end' });
  });

  it('that is neither ASCII nor UTF-8 is in the charset of the text', async () => {
    const found = await read(
      lines('Subject: \xed\xc9\xd2', 'X: \xd0\x9c', 'Content-Type: text/plain; charset=koi8-r', '', '\xed'),
    );
    expect(found.subject).toBe('Мир');
    expect(found.headers[1]?.value).toBe('М');
    expect(found.warnings.join()).toContain('neither ASCII nor UTF-8');
  });

  it('ends at a line that is no field', async () => {
    const found = await read(lines('Subject: x', 'Hello there', '', 'more'));
    expect(found).toMatchObject({ subject: 'x', text: 'Hello there\n\nmore' });
    expect(found.warnings).toEqual(['a header ends without a blank line']);
  });
});

describe('broken boundaries', () => {
  it.each([
    [
      'none at the end',
      'mixed; boundary=b',
      '--b\r\n\r\none\r\n--b\r\n\r\ntwo',
      ['1', '2'],
      'the last boundary',
    ],
    ['a repeated one', 'mixed; boundary=b', '--b\r\n--b\r\n\r\none\r\n--b--\r\n', ['1'], undefined],
    [
      'one that begins as another',
      'mixed; boundary=b',
      '--bb\r\n--b\r\n\r\none\r\n--bb\r\n--b--',
      ['1'],
      undefined,
    ],
    ['one in a text', 'mixed; boundary=b', '--b\r\n\r\nsee --b\r\n --b\r\n--b x\r\n--b--', ['1'], undefined],
    ['a wrong one', 'mixed; boundary=x', '--b\r\n\r\none\r\n--b--', ['1'], 'does not name its boundary'],
    [
      'no name',
      'mixed',
      '--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--',
      ['1', '2'],
      'does not name its boundary',
    ],
    ['no parts', 'mixed; boundary=b', 'just text', ['1'], 'no parts'],
    ['an open quote', 'mixed; boundary="b; x=y', '--b\r\n\r\none\r\n--b--', ['1'], undefined],
    [
      'a colon in it',
      'mixed; boundary="b:1"',
      '--b:1\r\nX: y\r\n--b:1\r\n\r\none\r\n--b:1--',
      ['1', '2'],
      undefined,
    ],
    ['dashes at its end', 'mixed; boundary="b--"', '--b--\r\n\r\none\r\n--b----\r\n', ['1'], undefined],
    ['only the last', 'mixed; boundary=b', 'text\r\n--b--\r\n', ['1'], 'no parts'],
  ])('%s', async (_, type, body, parts, warning) => {
    const found = await read(`Content-Type: multipart/${type}\r\n\r\n${body}`);
    expect(found.parts.map(({ part }) => part)).toEqual(parts);
    if (warning === undefined) expect(found.warnings).toEqual([]);
    else expect(found.warnings.join()).toContain(warning);
    expect(found.text).not.toBe('');
  });

  it('the same in both: it is the outer one’s', async () => {
    const found = await read(
      `${multipart('mixed', 'b', multipart('mixed', 'b', plain('x'), plain('y')), plain('z'))}`,
    );
    expect(found.warnings.join()).toContain('the same boundary');
    expect(found.text).toContain('x');
  });

  it('the end of the inner, and a part of the outer: it is the outer one’s', async () => {
    const inner = multipart('mixed', 'b', plain('x'));
    const found = await read(
      `Content-Type: multipart/mixed; boundary="b--"\r\n\r\n--b--\r\n${inner}\r\ny\r\n--b----\r\n`,
    );
    expect(found.parts.map(({ part }) => part)).toEqual(['1.1', '2']);
    expect(found.text).toBe('x\n\ny\n');
  });

  it('lines that end in CR alone are lines', async () => {
    const found = await read('Subject: x\rTo: a@b.example\r\rone\rtwo');
    expect(found).toMatchObject({ subject: 'x', text: 'one\ntwo' });
  });

  it('a footer in clear behind base64 is left out', async () => {
    const head = 'Content-Transfer-Encoding: base64\r\n\r\n';
    const found = await read(`${head}SGVsbG8=\r\n_____\r\nTo leave, write to x@example.org\r\n`);
    expect(found.text).toBe('Hello');
    expect(found.warnings.join()).toContain('no base64 follows');
    expect((await read(`${head}SGVsbG8=\r\nIQ==\r\n`)).text).toBe('Hello!');
  });

  it('a lone CR among others is no line end of the structure', async () => {
    const found = await read('Subject: x\ry\r\n\r\none\rtwo\r\n');
    expect(found.headers).toHaveLength(1);
    expect(found.text).toBe('one\ntwo\n');
  });
});

describe('links', () => {
  it('are those of anchors, then those of the text, each once', async () => {
    const page = `<a href=" https://a.example/?x=1&amp;y=2 "><b>Click</b>\n here</a> <a href="https://a.example/?x=1&y=2">again</a>
      <area href="myapp://login?t=1"> see https://bare.example/x. <a name=x>no</a> <a href="#top">no</a>`;
    const found = await read(
      multipart(
        'alternative',
        'b',
        plain('https://bare.example/x, (https://p.example/a_(b)) <https://q.example/z>'),
        html(page),
      ),
    );
    expect(found.links).toEqual([
      { url: 'https://a.example/?x=1&y=2', text: 'Click here' },
      { url: 'myapp://login?t=1', text: '' },
      { url: 'https://bare.example/x', text: 'https://bare.example/x' },
      { url: 'https://p.example/a_(b)', text: 'https://p.example/a_(b)' },
      { url: 'https://q.example/z', text: 'https://q.example/z' },
    ]);
  });

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:x',
    'java\tscript:x',
    '\x01javascript:x',
    'data:text/html,x',
    ' &#106;avascript:x',
    'java&#10;script:x',
    'cid:x',
    'file:///etc/passwd',
    '//x.example/y',
    '/y',
    'ms-msdt:x',
  ])('%j is none', async (url) => {
    expect((await read(html(`<a href="${url}">x</a>`))).links).toEqual([]);
  });

  it.each([
    ['See https://x.example/a?b=c#d!', 'https://x.example/a?b=c#d'],
    ['(http://x.example)', 'http://x.example'],
    ['"https://x.example/",', 'https://x.example/'],
    ['[https://x.example/a[1]]', 'https://x.example/a[1]'],
    ['mailto:a@x.example;', 'mailto:a@x.example'],
    ['HTTPS://X.example', 'HTTPS://X.example'],
    ['“https://x.example/ü”。', 'https://x.example/ü'],
    ['„https://x.example/a“ und mehr', 'https://x.example/a'],
    ['«https://x.example/a»', 'https://x.example/a'],
    ['请点击 https://x.example/c?t=abc，24小时内有效。', 'https://x.example/c?t=abc'],
    ['点击https://x.example/c?t=abc完成注册', 'https://x.example/c?t=abc'],
    ['（https://x.example/c）', 'https://x.example/c'],
    ['「https://x.example/c?t=1」からアクセス', 'https://x.example/c?t=1'],
    ['https://x.example/c/7へアクセス', 'https://x.example/c/7'],
    ['https://zh.example.org/wiki/维基百科', 'https://zh.example.org/wiki/维基百科'],
    ['https://例え.example/パス', 'https://例え.example/パス'],
    ['\u2067اضغط \u2066https://x.example/c?t=abc\u2069\u2069، شكرا', 'https://x.example/c?t=abc'],
    ['https://x.example/c?t=abc\u200f، شكرا', 'https://x.example/c?t=abc'],
    ['هل https://x.example/c؟', 'https://x.example/c'],
    ['<https://x.example/c?a=b&\r\n  c=d>', 'https://x.example/c?a=b&c=d'],
    ['<https://x.example/c?a=b&\r\nc=\r\nd> <1>', 'https://x.example/c?a=b&c=d'],
    ['<https://x.example/c\r\nis the link>', 'https://x.example/c'],
  ])('of %s', async (text, url) => {
    expect((await read(plain(text))).links.map((link) => link.url)).toEqual([url]);
  });
});
