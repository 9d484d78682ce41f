import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compose } from '../../src/mime/compose.ts';
import { htmlToText } from '../../src/mime/html-text.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect } from '../feeds.ts';
import { fixed } from './drafts.ts';

const GOLDEN: Readonly<Record<string, readonly [html: string, text: string]>> = {
  nothing: ['', ''],
  'only an image': ['<img src="https://example.org/pixel.gif" width=1>', ''],
  'plain words': ['a  b\n c', 'a b c\n'],
  'paragraphs and headings': [
    '<h1>Hi</h1><p>one<p>two</p>three<br>four',
    'Hi\n\none\n\ntwo\n\nthree\nfour\n',
  ],
  'blocks without margins': ['<div>one<div>two</div></div><div>three</div>', 'one\ntwo\nthree\n'],
  'a link': [
    'See <a href="https://x.example/?a=1&amp;b=2">the page</a>.',
    'See the page <https://x.example/?a=1&b=2>.\n',
  ],
  'a link that says where it goes': [
    '<a href="https://x.example/">x.example</a>, <a href=mailto:a@b>a@b</a>',
    'x.example, a@b\n',
  ],
  'a link of an image': [
    '<a href=https://x.example><img src=a.png alt="Shop"></a>',
    '[Shop] <https://x.example>\n',
  ],
  'links to nowhere': [
    '<a href="#top">up</a> <a href="javascript:x()">run</a> <a href="cid:x">in</a> <a>name</a>',
    'up run in name\n',
  ],
  'a link that does not end': ['<p><a href=https://x.example>go<p>on', 'go\n\non <https://x.example>\n'],
  lists: [
    '<p>Do:<ul><li>one<li>two<ol start=9><li>a</li><li>b</ol></li><li>three</ul>end',
    'Do:\n\n- one\n- two\n  9. a\n  10. b\n- three\n\nend\n',
  ],
  'a long item': [
    `<ul><li>${'word '.repeat(20)}</ul>`,
    `- ${'word '.repeat(14).trim()}\n  ${'word '.repeat(6).trim()}\n`,
  ],
  'quotes in quotes': [
    'a<blockquote>b<p>c</p><blockquote>d</blockquote></blockquote>e',
    'a\n\n> b\n>\n> c\n>\n> > d\n\ne\n',
  ],
  definitions: ['<dl><dt>term<dd>meaning</dl>', 'term\n  meaning\n'],
  'a table of data': [
    '<table><thead><tr><th>Name<th>Total<tbody><tr><td>Müller<td>2</tr><tr><td>报告<td>10</table>',
    'Name    Total\n------  -----\nMüller  2\n报告    10\n',
  ],
  'a table that is too wide': [
    `<table><tr><td>${'a'.repeat(50)}<td>${'b'.repeat(50)}<tr><td>c<td>d</table>`,
    `${'a'.repeat(50)} | ${'b'.repeat(50)}\nc | d\n`,
  ],
  'a table for the layout': [
    '<table><tr><td><table><tr><td>Head</table><td><tr><td><p>one<p>two</table>after',
    'Head\n\none\n\ntwo\n\nafter\n',
  ],
  'text as it was set': ['<pre>\n  a\n    b  c\n</pre>', '  a\n    b  c\n'],
  'what is not shown': [
    '<title>t</title><style>p{}</style><script>if (a<b) "</p>"</script><!-- <p>c</p> --><div style="display: none">pre<div>x</div></div>' +
      '<span hidden>y</span>shown',
    'shown\n',
  ],
  'characters by name and number': [
    '&lt;&eacute;&nbsp;&nbsp;&euro;&#8364;&#x20AC;&#128;&amp;amp;&nosuch;&copy=1&#0;&#xD800;',
    '<é  €€€€&amp;&nosuch;&copy=1\ufffd\ufffd\n',
  ],
  'controls and invisible fillers': ['a&#27;[31m\x9b\x07b\u200b&shy;c\u034f', 'a[31mbc\n'],
  'broken markup': ['a < b <1> </ p> <p class="x>y', 'a < b <1> </ p>\n'],
  'an element that is closed twice': ['<b>a</i></b></b></td></table></ul>b', 'a\n\nb\n'],
};

describe('the text of a page', () => {
  it.each(Object.keys(GOLDEN))('with %s', (name) => {
    const [html, text] = GOLDEN[name] ?? ['', ''];
    expect(htmlToText(html)).toBe(text);
  });

  it('is had of any input, has no controls, and no line that could have been broken', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...'<table>|<tr>|<td>|<th>|</table>|<ul>|<ol>|<li>|</ul>|<blockquote>|</blockquote>|<pre>|</pre>|<a href=x:y>|</a>|<div hidden>|</div>|<p>|<br>|<!--|-->|<script>|</script>|&amp;|&#27;|"|\'|<|>|<img alt="'.split(
          '|',
        ),
      ),
      fc.string({ maxLength: 10 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = htmlToText(pieces.join(''));
        expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/);
        expect(text).toMatch(/^$|^ *\S(?:[\s\S]*\S)?\n$/);
        expect(text).not.toMatch(/[ \t]\n/);
      }),
      { numRuns: 500 },
    );
  });

  // Each of these takes a reader for hours that is quadratic in one of them, and overflows one that recurses.
  it.each([
    '<div>',
    '<ul><li>',
    '<table><tr><td>x',
    '<blockquote>x',
    '<a href=x:y>',
    '<td>',
    '<',
    '<!--',
    '<script>',
    '&',
    '&amp',
    '<br>',
    '<a x="',
    `<a b="c' d='`,
    '</table></ul></blockquote>',
    '<pre> ',
    '\u00a0',
    '<div hidden>',
    '<p style="display ',
    '<b title= ',
    ' ',
    '\n',
    '<li>a',
  ])('comes soon of %j repeated', (piece) => {
    const html = piece.repeat(Math.ceil(400_000 / piece.length));
    expect(htmlToText(html).length).toBeLessThan(40 * html.length);
  });
});

describe('a message of HTML alone', () => {
  const from = { name: '', address: 'a@example.org' };
  const bytesOf = async (html: Parameters<typeof compose>[0]['html'] & {}) =>
    (await collect(await compose({ from, to: [from], html }, fixed()))).toString();

  it('has its text, too', async () => {
    const text = await bytesOf('<p>Hi <a href="https://x.example">there</a>');
    expect(text).toContain(
      'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHi there <https://x.example>\r\n',
    );
    expect(text.indexOf('text/plain')).toBeLessThan(text.indexOf('text/html'));
  });

  it('which is read from a file of UTF-8, of windows-1252 and of UTF-16 alike', async () => {
    for (const bytes of [
      Buffer.from('<p>é'),
      Buffer.from('<p>é', 'latin1'),
      Buffer.from('\ufeff<p>é', 'utf16le'),
    ])
      expect(await bytesOf(bytesSource(bytes))).toContain('base64\r\n\r\nw6kNCg==\r\n');
  });

  it('of which, where it is very long, the beginning is enough', async () => {
    const html = bytesSource(Buffer.from(`<p>begin${' '.repeat(4 * 1024 * 1024)}end`));
    expect(await bytesOf(html)).toContain('\r\n\r\nbegin\r\n');
  });
});
