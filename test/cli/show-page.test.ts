import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InlineImages } from '../../src/cli/show/inline-images.ts';
import { sanitise } from '../../src/cli/show/sanitise.ts';
import { tidied } from '../../src/cli/show/tidy.ts';
import { PNG } from './messages.ts';

describe('tidied', () => {
  test.each([
    ['<p>one<p>two', '<p>one</p><p>two</p>'],
    ['<ul><li>a<li>b<ul><li>c</ul><li>d</ul>', '<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>'],
    [
      '<table><tr><td>a<td>b<tr><td>c</table>d',
      '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d',
    ],
    ['a < b <3 & c', 'a &lt; b &lt;3 &amp; c'],
    ['</p>a</div><b><i>c</b>d', 'a<b><i>c</i></b>d'],
    ['<script>x</script><!-- y -->z', '<script></script>z'],
    ['<a b="1" on\u0000x=2 "=3 title=\'<x>\'>t', '<a b="1" title="&lt;x&gt;">t</a>'],
  ])('%s', (html, tidy) => {
    expect(tidied(html)).toBe(tidy);
  });

  test('what is nested deeply loses its tags, not its text', () => {
    const tidy = tidied(`${'<b>'.repeat(5_000)}x`);
    expect(tidy.match(/<b>/g)).toHaveLength(100);
    expect(tidy).toContain('x');
    // Nor does it end what is above: a row of thousands of cells keeps a browser busy for minutes.
    const cells = tidied(`${'<table><tr><td><b>'.repeat(5_000)}x`);
    expect(cells.match(/<td>/g)).toHaveLength(25);
    expect(cells).toContain('<b>x</b>');
  });
});

describe('sanitise', () => {
  const clean = async (html: string) => (await sanitise(html, new InlineImages([]))).html;

  test('leaves nothing that is not on the lists, whatever the page is', async () => {
    const piece = fc.constantFrom(
      ...'< > / " \' = & ; ! -- <!-- --> <svg <math <style> </style> <p <a <img src href onerror onload = javascript: data: url( http://x/ &lt; &#x3c; \0 \n ` <noscript> <template> <![CDATA[ ]]> <title> x'.split(
        ' ',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const html = await clean(pieces.join(''));
        for (const [, name = '', attributes = ''] of html.matchAll(
          /<\/?([a-z0-9]+)((?: [a-z-]+(?:="[^"<>]*")?)*) ?\/?>/g,
        )) {
          expect(name).not.toMatch(/^(?:script|style|svg|math|iframe|object|form|meta|base|link|title)$/);
          expect(attributes).not.toMatch(/ (?:on|srcset|background|action)/);
        }
        expect(html.replace(/<\/?[a-z0-9]+(?: [a-z-]+(?:="[^"<>]*")?)* ?\/?>/g, '')).not.toMatch(/[<>]/);
        expect(html).not.toMatch(/="\s*(?:javascript|data:text)/i);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['url(http://x)'],
    ['red; background: url(http://x)'],
    ['u\\72l(http://x)'],
    ['image-set("http://x" 1x)'],
    ['expression(alert(1))'],
    ['var(--x)'],
  ])('style %s', async (value) => {
    expect(await clean(`<p style="color: ${value.replaceAll('"', '&quot;')}">x</p>`)).not.toMatch(
      /http|\(|\\/,
    );
  });

  test('images: by their octets, up to a size; never an SVG', async () => {
    const part = (contentId: string, bytes: Uint8Array) => ({
      part: '2',
      filename: null,
      type: 'image/png',
      disposition: null,
      contentId,
      charset: null,
      size: bytes.length,
      bytes,
    });
    const images = new InlineImages([
      part('png', PNG),
      part('svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
      part('big', Buffer.concat([PNG, Buffer.alloc(5 * 1024 * 1024)])),
      part('with space', PNG),
    ]);
    const url = `data:image/png;base64,${PNG.toString('base64')}`;
    expect(images.dataUrl('cid:png')).toBe(url);
    expect(images.dataUrl('CID:with%20space')).toBe(url);
    expect(images.dataUrl(url)).toBe(url);
    const others = [
      'cid:svg',
      'cid:big',
      'cid:none',
      'cid:%',
      'http://x/y.png',
      'data:image/svg+xml;base64,PHN2Zz4=',
      'data:image/png,x',
    ];
    for (const source of others) expect(images.dataUrl(source), source).toBeUndefined();
  });
});
