import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { htmlPage } from '../../src/cli/show/html-page.ts';
import { readMessage } from '../../src/mime/read/index.ts';
import { FIELDS } from '../cli/messages.ts';
import { describeInBrowser, type Started } from './chromium.ts';

/** Each tries to run `ran()`, or to ask the server at AT, in a way of its own. */
const ATTACKS: Readonly<Record<string, string>> = {
  'svg and style': '<svg></p><style><a id="</style><img src=1 onerror=ran()>">',
  'svg and title': '<svg><title><style><img src=x onerror=ran()></style></title></svg>',
  'svg, foreign object':
    '<svg><foreignObject><iframe srcdoc="<script>parent.ran()</script>"></iframe></foreignObject></svg>',
  'svg, animated link': '<svg><a><animate attributeName=href values=javascript:ran()><text y=20>x</text></a>',
  'svg use': '<svg><use href="data:image/svg+xml,<svg id=x onload=ran()>#x"></svg>',
  'math and style':
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=ran()&gt;">',
  'math, annotated':
    '<math><annotation-xml encoding="text/html"><style><img src=x onerror=ran()></style></annotation-xml></math>',
  'math link': '<math href="javascript:ran()" xlink:href="javascript:ran()">x</math>',
  'form in form': '<form><math><mtext></form><form><mglyph><style></math><img src onerror=ran()>',
  noscript: '<noscript><style></noscript><img src=x onerror=ran()>',
  template:
    '<template><img src=x onerror=ran()></template><template shadowrootmode=open><script>ran()</script>',
  textarea:
    '<textarea></textarea><img src=x onerror=ran()><textarea title="</textarea><script>ran()</script>">',
  title: '<title><img title="</title><img src=x onerror=ran()>"></title>',
  'xmp, plaintext, listing':
    '<xmp><p title="</xmp><img src=x onerror=ran()>"></xmp><listing>&lt;img src=x onerror=ran()></listing><plaintext><img src=x onerror=ran()>',
  comments:
    '<!--><img src=x onerror=ran()>--><!--!><img src=x onerror=ran()><!-- --!><img src=x onerror=ran()>',
  'CDATA, processing, doctype':
    '<![CDATA[<img src=x onerror=ran()>]]><?x <img src=x onerror=ran()>?><!doctype <img src=x onerror=ran()>>',
  'conditional comments':
    '<!--[if true]><script>ran()</script><![endif]--><![if true]><img src=x onerror=ran()><![endif]>',
  'odd tags':
    '<a/onclick=ran()><img/src=x/onerror=ran()><img\fsrc=x\fonerror=ran()><img src=x onerror\0=ran()><\0script>ran()</script><scr\0ipt>ran()</script>',
  'broken quotes': `<img alt="'\`><img src=x onerror=ran()>"><p title='"><img src=x onerror=ran()>'><p x="&quot;><script>ran()</script>">`,
  base: '<base href="AT/" target=_self><a href="x">x</a><img src=x>',
  refresh:
    '<meta http-equiv=refresh content="0;url=AT/"><meta http-equiv="refresh" content="0; url=javascript:ran()">',
  'policy and cookies':
    '<meta http-equiv=Content-Security-Policy content="img-src *"><meta http-equiv=set-cookie content="a=b"><img src=AT/>',
  'styles that load': `<p style="background:url(AT/a);background-image:image-set('AT/b' 1x);list-style:url('AT/c');content:url(AT/d);cursor:url(AT/e),auto;border-image:url(AT/f) 30;filter:url(AT/g#x);mask:url(AT/h);-webkit-mask:url(AT/i);shape-outside:url(AT/j)">x`,
  'styles, escaped': `<p style="background:\\75rl(AT/);color:red/**/;back/**/ground:url(AT/)">x<p style="--x:url(AT/);background:var(--x)">x<p style="color:expression(ran());behavior:url(AT/);-moz-binding:url(AT/)">`,
  'style elements': `<style>@import 'AT/a';*{background:url(AT/b)!important}@font-face{font-family:f;src:url(AT/c)}p{font-family:f}header{display:none}</style><p>x</p><link rel=stylesheet href=AT/d><svg><style>@import 'AT/e'</style></svg>`,
  'links that load':
    '<link rel=preload as=image href=AT/a><link rel=prefetch href=AT/b><link rel=preconnect href=AT><link rel=dns-prefetch href=AT><link rel=modulepreload href=AT/c><link rel=icon href=AT/d><link rel=manifest href=AT/e><link rel=prerender href=AT/f><script type=speculationrules>{"prefetch":[{"source":"list","urls":["AT/g"]}]}</script>',
  images:
    '<img srcset="AT/a 1x, AT/b 2x" sizes=1px><picture><source srcset=AT/c><img src=AT/d></picture><input type=image src=AT/e><image src=AT/f><img lowsrc=AT/g dynsrc=AT/h longdesc=AT/i><img src="\tht\ntp://AT/j">',
  backgrounds:
    '<body background=AT/a><table background=AT/b><tr background=AT/c><td background=AT/d>x</table>',
  media:
    '<video autoplay poster=AT/a src=AT/b><source src=AT/c><track src=AT/d default></video><audio autoplay src=AT/e></audio><bgsound src=AT/f>',
  frames:
    '<iframe src=AT/a></iframe><iframe srcdoc="<script>parent.ran()</script><img src=AT/b>"></iframe><frameset><frame src=AT/c></frameset><portal src=AT/d></portal><fencedframe></fencedframe><object data=AT/e><param name=src value=AT/f></object><embed src=AT/g><applet code=AT/h></applet>',
  'object with a page':
    '<object data="data:text/html,<script>parent.ran()</script>"></object><embed src="data:text/html,<script>parent.ran()</script>">',
  forms:
    '<form action=AT/a id=f><input name=q autofocus onfocus=ran()><button formaction="javascript:ran()" autofocus>x</button></form><input form=f type=submit formaction=AT/b><isindex action=javascript:ran() type=image>',
  'links that run': `<a href="javascript:ran()">1</a><a href="JaVaScRiPt&colon;ran()">2</a><a href="java&Tab;script:ran()">3</a><a href="java&NewLine;script&#58;ran()">4</a><a href=" &#1; javascript:ran()">5</a><a href="&#x6A&#x61vascript:ran()">6</a><a href="vbscript:ran()">7</a><a href="data:text/html;base64,PHNjcmlwdD5yYW4oKTwvc2NyaXB0Pg==">8</a><a href="blob:AT/x">9</a><a href="view-source:javascript:ran()">10</a><a href="feed:javascript:ran()">11</a><area href=javascript:ran()><a xlink:href="javascript:ran()">12</a><a href="file:///etc/passwd">13</a>`,
  'links that tell':
    '<a href="https://ok.test/" ping="AT/a" target=_top rel=opener attributionsrc=AT/b onclick=ran()>x</a><img attributionsrc=AT/c><a href=https://ok.test/ download=x referrerpolicy=unsafe-url>y</a>',
  events:
    '<details open ontoggle=ran()><summary>x</summary></details><p onanimationstart=ran() style="animation:a 1s">x<p onpointerrawupdate=ran() tabindex=0 autofocus onfocus=ran() contenteditable>x<marquee onstart=ran()>x</marquee><xss onbeforematch=ran() hidden=until-found>x<dialog open onclose=ran()>x</dialog><p popover id=p onbeforetoggle=ran()>x',
  names:
    '<img name=body alt=x><a name=getElementById>x</a><p id=location>x<form name=document></form><p id=ran class=x slot=x>y<a href=https://ok.test/ id=querySelector>z</a>',
  'over all':
    '<div style="position:fixed;inset:0;z-index:2147483647;background:#fff;width:100vw;height:100vh">over</div><div style="margin-top:-999px;transform:translateY(-500px);translate:0 -500px;top:-500px;position:relative;float:left;background:#fff">over</div><table style="margin:-500px 0 0;height:2000px;width:3000px;background:#f00"><td>over</table><dialog open>x</dialog>',
};

/** What a page may consist of. */
const ALLOWED =
  'html head meta title style body header footer main dl dt dd bdi ul li div hr pre a abbr address article aside b bdo big blockquote br caption center cite code col colgroup del details dfn em figcaption figure font h1 h2 h3 h4 h5 h6 i img ins kbd mark nav ol p q s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u var wbr';

describeInBrowser('a page in a browser, attacked', (started) => {
  let dir: string;
  let at: string;
  let asked: Started['asked'];
  let page: Page;
  beforeAll(async () => {
    ({ dir, at, asked } = started());
    const context = await started().browser.newContext();
    await context.addInitScript('window.ran = () => { window.didRun = true }');
    page = await context.newPage();
    page.on('dialog', (dialog) => dialog.dismiss());
  });

  async function open(type: string, content: string): Promise<string> {
    const fields = [...FIELDS, `Content-Type: ${type}; charset=utf-8`, '', ''].join('\r\n');
    const path = join(dir, 'page.html');
    writeFileSync(path, await htmlPage(await readMessage(Buffer.from(fields + content))));
    const url = pathToFileURL(path).href;
    await page.goto(url, { waitUntil: 'load' });
    return url;
  }
  const evaluate = <T>(script: string) => page.evaluate(script) as Promise<T>;

  it.each(Object.keys(ATTACKS))('%s', async (name) => {
    asked.length = 0;
    const requests: string[] = [];
    const note = (request: { url: () => string }) => requests.push(request.url());
    page.on('request', note);
    const url = await open('text/html', `<p>first</p>${(ATTACKS[name] ?? '').replaceAll('AT', at)}`);
    // Whatever reacts to a hand, too.
    await page.mouse.move(50, 200);
    await page.keyboard.press('Tab');
    await page.evaluate('scrollTo(0, 0)'); // the focus may have moved it
    const seen = await evaluate<{
      didRun: unknown;
      elements: string[];
      attributes: string[];
      schemes: string[];
      top: boolean;
      url: string;
    }>(`(() => {
      const all = [...document.querySelectorAll('*')], header = document.querySelector('header');
      const { left, width, top, height } = header.getBoundingClientRect();
      return {
        didRun: window.didRun,
        elements: [...new Set(all.map((element) => element.localName))],
        attributes: [...new Set([...document.querySelectorAll('main *')].flatMap((element) => element.getAttributeNames()))],
        schemes: [...new Set([...document.links].map((link) => link.protocol))],
        top: [0.05, 0.5, 0.95].every((part) => header.contains(document.elementFromPoint(left + width * part, top + height * part))),
        url: location.href,
      };
    })()`);
    await fetch(`${at}/last`);
    page.off('request', note);
    expect({ didRun: seen.didRun, top: seen.top, url: seen.url }).toEqual({
      didRun: undefined,
      top: true,
      url,
    });
    const allowed = new Set(ALLOWED.split(' '));
    expect(seen.elements.filter((element) => !allowed.has(element))).toEqual([]);
    expect(
      seen.attributes.filter((each) =>
        /^on|^(?:id|name|class|srcset|background|ping|form|action)/.test(each),
      ),
    ).toEqual([]);
    expect(seen.schemes.filter((scheme) => !/^(?:https?|mailto|tel):$/.test(scheme))).toEqual([]);
    expect(requests.filter((each) => each !== url && !each.startsWith('data:'))).toEqual([]);
    expect(asked.map((each) => each.url)).toEqual(['/last']);
  });

  it('a link can be followed; nobody hears where from, or gets hold of the page', async () => {
    asked.length = 0;
    await open('text/html', `<a href="${at}/there" target=_self rel=opener>go</a>`);
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('main a')]);
    await popup.waitForLoadState();
    expect(asked.filter(({ url }) => url === '/there')).toEqual([{ url: '/there', referrer: undefined }]);
    expect(await popup.evaluate('window.opener')).toBeNull();
    await popup.close();
  });

  it('where a link leads is written from left to right, whatever is around it', async () => {
    await open(
      'text/html',
      '<bdo dir=rtl><a href="https://evil.test/moc.knab//:sptth" style="direction:rtl">x</a></bdo>',
    );
    const style = await evaluate<string[]>(
      `(({ direction, unicodeBidi, content }) => [direction, unicodeBidi, content])(getComputedStyle(document.links[0], '::after'))`,
    );
    expect(style).toEqual(['ltr', 'isolate-override', expect.stringContaining('evil.test')]);
  });

  it('of a plain text, too, where it could be taken for another', async () => {
    await open('text/plain', 'https://ok.test/a https://bank.test@evil.test/ https://b\u0430nk.test/');
    const shown = await evaluate<string[]>(
      `[...document.links].map((link) => getComputedStyle(link, '::after').content)`,
    );
    expect(shown).toEqual(['none', expect.stringContaining('evil.test/'), expect.stringContaining('xn--')]);
    expect(shown[1]).not.toContain('bank');
  });

  it('5 MB, and what is nested deeply, are shown', async () => {
    const row = `<tr><td style="color:red">${'some words '.repeat(40)}<td><a href="https://x.test/">cell</a></tr>`;
    await open('text/html', `<table>${row.repeat((5 * 1024 * 1024) / row.length)}</table><p id=x>the end`);
    expect(await evaluate<string>(`document.querySelector('main').textContent.slice(-8)`)).toContain(
      'the end',
    );
    await open('text/html', `${'<div><table><tr><td><blockquote>'.repeat(50_000)}the end`);
    expect(await evaluate<string>(`document.querySelector('main').textContent`)).toContain('the end');
  }, 60_000);
});
