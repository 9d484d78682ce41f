import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { mailtool } from '../cli/mailtool.ts';
import { FIELDS, message, PNG } from '../cli/messages.ts';
import { describeInBrowser, type Started } from './chromium.ts';

/** Everything that a page may try, led to a server that counts. */
function hostile(at: string): string {
  return `<!DOCTYPE html><html><head>
<base href="${at}/base/"><link rel="stylesheet" href="${at}/a.css"><link rel="dns-prefetch" href="${at}"><link rel="preload" as="image" href="${at}/p.png">
<meta http-equiv="refresh" content="0;url=${at}/refresh"><meta http-equiv="Content-Security-Policy" content="default-src *">
<style>@import url(${at}/b.css); body { background: url(${at}/c.png) } @font-face { font-family: x; src: url(${at}/f.woff) } header { display: none }</style>
<script src="${at}/a.js"></script><script>window.ran = 1; fetch('${at}/fetch')</script></head>
<body background="${at}/d.png" onload="window.ran = 2">
<h1 style="background: url(${at}/e.png); color: red; position: fixed; top: 0">Hello</h1>
<div style="background-image:u\\72l(${at}/e2.png);width:expression(alert(1))">escaped</div>
<div style='font-family:"}</style><img src=${at}/e3.png>"'>quoted</div>
<img src="${at}/f.png" alt="far"><img srcset="${at}/g.png 2x" src="${at}/g.png"><img src=x onerror="window.ran = 3">
<picture><source srcset="${at}/h.png"><img src="//127.0.0.1:1/i.png"></picture>
<video src="${at}/j.mp4" poster="${at}/k.png" autoplay></video><audio src="${at}/l.mp3" autoplay></audio>
<iframe src="${at}/m"></iframe><iframe srcdoc="<script>parent.ran = 4</script>"></iframe><object data="${at}/n"></object><embed src="${at}/o">
<svg onload="window.ran = 5"><image href="${at}/q.png"/><script>window.ran = 6</script></svg><math><mtext><img src=x onerror="window.ran=7"></mtext></math>
<form action="${at}/form"><input name="password" autofocus onfocus="window.ran = 8"><button>Log in</button></form>
<a href="javascript:window.ran=9" id="js">script</a><a href="data:text/html,<script>window.ran=10</script>">data</a>
<a href="https://evil.example/x" ping="${at}/ping" style="font-size: 0; color: white" data-to="bank.example" title="bank">https://bank.example/</a>
<a href="https://bank.example@evil.example/login">bank</a>
<noscript><p title="</noscript><img src=x onerror=window.ran=11>"></noscript>
<!--[if mso]><img src="${at}/r.png"><![endif]--><table background="${at}/s.png"><td background="${at}/t.png">cell</td></table>
<div style="margin-top:-9999px;position:absolute;z-index:99999;width:100vw;height:100vh">over all</div>
<img id="logo" src="cid:logo@x" alt="Logo"><img src="cid:vector@x" alt="Vector">
</body></html>`;
}

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" onload="window.ran=12"><script>window.ran=13</script></svg>';

describeInBrowser('a page in a browser', (started) => {
  let browser: Browser;
  let dir: string;
  let at: string;
  let asked: Started['asked'];
  beforeAll(() => {
    ({ browser, dir, at, asked } = started());
  });

  /** The page that `show --open` makes of a message, opened; and what it asked for. */
  async function opened(content: string): Promise<{ page: Page; requests: string[]; html: string }> {
    const path = join(dir, 'a.eml');
    writeFileSync(path, content, 'latin1');
    const { stdout, stderr, code } = await mailtool(['show', '--open', '--file', path], {
      env: { TMPDIR: dir },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const page = await browser.newPage();
    const requests: string[] = [];
    const url = pathToFileURL(stdout.trim()).href;
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
    });
    page.on('dialog', (dialog) => dialog.dismiss());
    await page.goto(url, { waitUntil: 'load' });
    return { page, requests, html: readFileSync(stdout.trim(), 'utf8') };
  }

  it('a hostile one runs nothing, loads nothing, asks for nothing; its own image is there', async () => {
    asked.length = 0;
    const { page, requests, html } = await opened(
      message(
        FIELDS,
        { type: 'text/html; charset=utf-8', content: hostile(at) },
        { type: 'image/png', contentId: 'logo@x', disposition: 'inline', content: PNG },
        { type: 'image/svg+xml', contentId: 'vector@x', disposition: 'inline', content: SVG },
        { type: 'application/pdf', filename: '<img src=x onerror=window.ran=14>.pdf', content: 'x' },
      ),
    );
    const { images, links, ran, elements, header } = (await page.evaluate(`({
      images: [...document.images].map((image) => [image.alt, image.complete, image.naturalWidth]),
      links: [...document.links].map((link) => [link.href, link.rel, getComputedStyle(link, '::after').content, getComputedStyle(link, '::after').fontSize]),
      ran: window.ran,
      elements: [...document.querySelectorAll('script, link, base, iframe, object, embed, svg, form, input, button, video, audio, math, main style, [onload], [onerror], [onfocus]')].map((element) => element.outerHTML),
      header: document.querySelector('header').getBoundingClientRect().toJSON(),
    })`)) as {
      images: unknown[];
      links: string[][];
      ran: unknown;
      elements: string[];
      header: { top: number; height: number };
    };
    expect(elements).toEqual([]);
    expect(ran).toBeUndefined();
    expect(images).toEqual([['Logo', true, 1]]);
    // What a link leads to can be read, whatever its text says and its style hides.
    expect(links).toEqual([
      ['https://evil.example/x', 'noopener noreferrer', '" <" attr(data-to) ">"', '12px'].map(
        (value, index) => (index === 2 ? expect.stringContaining('evil.example/x') : value),
      ),
      [
        'https://bank.example@evil.example/login',
        'noopener noreferrer',
        expect.stringContaining('evil.example/login'),
        '12px',
      ],
    ]);
    expect(links[1]?.[2]).not.toContain('bank.example@');
    // Nothing of the message lies over the header.
    const top = await page.evaluate(
      `document.querySelector('header').contains(document.elementFromPoint(10, ${header.top + header.height / 2}))`,
    );
    expect(top).toBe(true);
    expect(html).not.toContain(at);
    const shot = join(dir, 'page.png');
    await page.screenshot({ path: shot });
    expect(statSync(shot).size).toBeGreaterThan(1_000);
    // Each of them has had its chance by now: another request has come through.
    await fetch(`${at}/last`);
    expect({ asked: asked.map(({ url }) => url), requests }).toEqual({ asked: ['/last'], requests: [] });
    await page.close();
  });

  it('what gets past the sanitiser is stopped by the policy', async () => {
    const { page, html } = await opened(message(FIELDS, { type: 'text/plain', content: 'hello' }));
    asked.length = 0;
    const planted = join(dir, 'planted.html');
    const bad = `<script>window.ran = 1</script><img src="${at}/x.png"><link rel="stylesheet" href="${at}/x.css"><iframe src="${at}/frame"></iframe>`;
    writeFileSync(planted, html.replace('<main>', `<main>${bad}`));
    await page.goto(pathToFileURL(planted).href, { waitUntil: 'load' });
    expect(await page.evaluate('window.ran')).toBeUndefined();
    await fetch(`${at}/last`);
    expect(asked.map(({ url }) => url)).toEqual(['/last']);
    await page.close();
  });

  it('a plain text is a page, too, with its links', async () => {
    const text = 'Gr\xfc\xdfe <b>not bold</b>\r\nhttps://example.org/a?b=1&c=2.\r\n';
    const { page, requests } = await opened(
      message(FIELDS, { type: 'text/plain; charset=iso-8859-1', content: Buffer.from(text, 'latin1') }),
    );
    expect(await page.textContent('main')).toContain('Grüße <b>not bold</b>\nhttps://example.org/a?b=1&c=2.');
    expect(await page.evaluate('[...document.links].map((link) => link.href)')).toEqual([
      'https://example.org/a?b=1&c=2',
    ]);
    expect(await page.textContent('header')).toContain('Carl <carl@example.org>');
    expect(requests).toEqual([]);
    await page.close();
  });
});
