import type { ReadMessage } from '../../mime/read/index.ts';
import { urlsIn } from '../../mime/read/links.ts';
import { toTerminal, toTerminalLine } from '../terminal.ts';
import { InlineImages } from './inline-images.ts';
import { fieldsFor, partLine, withoutMarks } from './render.ts';
import { linkAttributes, sanitise } from './sanitise.ts';
import { escaped } from './tidy.ts';

// Whatever slipped through: no script, no load, no form, no frame, no other base.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-src 'none'";

// The message cannot paint outside its box, and cannot change how its links say where they lead.
const STYLE = `
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: #111; background: #fff }
header, footer { padding: .8em 1.2em; background: #f2f2f2; border: solid #ccc; border-width: 0 0 1px }
footer { border-width: 1px 0 0 }
header dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: 0 }
header dt { color: #555 }
header dd { margin: 0; overflow-wrap: anywhere }
header ul { margin: .6em 0 0; padding-left: 1.2em }
main { padding: 1.2em; overflow: auto; contain: layout paint; position: relative; z-index: 0 }
main img { max-width: 100% }
main pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, monospace }
main a[data-to]::after {
  all: initial; direction: ltr; unicode-bidi: isolate-override; content: " <" attr(data-to) ">"; display: inline-block; max-width: 40em; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; vertical-align: text-bottom; font: 12px ui-monospace, monospace; color: #666; background: #fff
}
main var { color: #666; font-style: normal }
`;

/** A page that shows a message in a browser: nothing in it runs, and nothing is loaded. */
export async function htmlPage(message: ReadMessage): Promise<string> {
  const images = new InlineImages(message.parts);
  const bodies: string[] = [];
  let remoteImages = 0;
  for (const { source, content } of message.page) {
    if (source === 'plain') bodies.push(`<pre dir="auto">${linked(toTerminal(withoutMarks(content)))}</pre>`);
    else {
      const { html, remoteImages: count } = await sanitise(content, images);
      remoteImages += count;
      bodies.push(`<div dir="auto">${html}</div>`);
    }
  }
  const fields = fieldsFor(message).map(
    ([name, value]) => `<dt>${escaped(name)}</dt><dd><bdi>${escaped(toTerminalLine(value))}</bdi></dd>`,
  );
  const parts = message.attachments.map((part) => `<li><bdi>${escaped(partLine(part))}</bdi></li>`);
  const many = remoteImages === 1 ? '1 image on the web is' : `${remoteImages} images on the web are`;
  return `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<meta http-equiv="x-dns-prefetch-control" content="off">
<meta name="viewport" content="width=device-width">
<title>${escaped(toTerminalLine(message.subject ?? '').slice(0, 200))}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<dl>${fields.join('\n')}</dl>
${parts.length === 0 ? '' : `<ul>${parts.join('\n')}</ul>`}
</header>
<main>
${bodies.join('\n<hr>\n')}
</main>
${remoteImages === 0 ? '' : `<footer>${many} not loaded.</footer>`}
</body>
</html>
`;
}

/** A plain text, escaped, whose URLs are links. */
function linked(text: string): string {
  let html = '';
  let at = 0;
  for (const url of urlsIn(text)) {
    const start = text.indexOf(url, at);
    const { 'data-to': to, ...others } = linkAttributes(url);
    if (start === -1 || others['href'] === undefined) continue;
    // What is written may look like another host: then it is said once more, as for the links of a page.
    const attributes = Object.entries(/[^!-~]|@/.test(url) ? { ...others, 'data-to': to } : others)
      .map(([name, value]) => ` ${name}="${escaped(value ?? '')}"`)
      .join('');
    html += `${escaped(text.slice(at, start))}<a${attributes}>${escaped(url)}</a>`;
    at = start + url.length;
  }
  return html + escaped(text.slice(at));
}
