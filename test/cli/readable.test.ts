import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mailtool } from './mailtool.ts';
import { CONTROLS, HOSTILE } from './messages.ts';
import { onTerminal } from './pseudo-terminal.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A multipart; each part is its header fields, an empty line and its text. */
const multipart = (kind: string, boundary: string, ...parts: readonly string[]) =>
  `Content-Type: multipart/${kind}; boundary="${boundary}"\n\n${parts
    .map((part) => `--${boundary}\n${part}\n`)
    .join('')}--${boundary}--\n`;
const html = (text: string) => `Content-Type: text/html; charset=utf-8\n\n${text}`;
const plain = (text: string) => `Content-Type: text/plain; charset=utf-8\n\n${text}`;

function file(content: string): string {
  const path = join(dir, 'a.eml');
  writeFileSync(path, `Subject: s\nMIME-Version: 1.0\n${content}`.replaceAll('\n', '\r\n'));
  return path;
}
/** What `show` prints of a message, but for its header. */
async function shown(content: string): Promise<string> {
  const { stdout, stderr, code } = await mailtool(['show', '--file', file(content)]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  expect(stdout.startsWith('Subject: s\n')).toBe(true);
  return stdout.slice('Subject: s\n'.length);
}
/** What is in the box of the page. */
async function opened(content: string): Promise<string> {
  const { stdout } = await mailtool(['show', '--open', '--file', file(content)], { env: { TMPDIR: dir } });
  return /<main>\n(.*)\n<\/main>/s.exec(readFileSync(stdout.trim(), 'utf8'))?.[1] ?? '';
}

const PAGE = '<p>Hello <b>all</b>, see <a href="https://x.test/a">this</a>.</p>';
const FOOTER = `Content-Type: text/plain; charset=us-ascii\nContent-Disposition: inline\n\n____\nthe list\nhttps://lists.test/list`;

describe('what people send is well to read', () => {
  test('a page, and the footer of a mailing list', async () => {
    const listed = multipart('mixed', 'b', html(PAGE), FOOTER);
    expect(await shown(listed)).toBe(
      '\nHello all, see this[1].\n\n____\nthe list\nhttps://lists.test/list\n\nLinks:\n[1] https://x.test/a\n',
    );
    const page = await opened(listed);
    expect(page).toContain('<b>all</b>');
    expect(page).toContain('the list');
  });

  test('both forms of a text, and the footer of a mailing list', async () => {
    const listed = multipart(
      'mixed',
      'b',
      multipart('alternative', 'c', plain('Hello all.'), html(PAGE)),
      FOOTER,
    );
    expect(await shown(listed)).toBe('\nHello all.\n\n____\nthe list\nhttps://lists.test/list\n');
    const page = await opened(listed);
    expect(page).toContain('<b>all</b>');
    expect(page).not.toContain('Hello all.');
    expect(page).toContain('the list');
    expect(page).toContain('href="https://lists.test/list"');
  });

  test('a page around a document, as Apple Mail sends it', async () => {
    const pdf =
      'Content-Type: application/pdf; name="Plan.pdf"\nContent-Disposition: inline; filename=Plan.pdf\n\n%PDF';
    const rich = multipart('mixed', 'c', html('Before.<div><br></div>'), pdf, html('<i>After.</i>'));
    const message = multipart('alternative', 'b', plain('Before.\n\nAfter.'), rich);
    expect(await shown(message)).toBe('\nBefore.\n\nAfter.\n\n[2.2] Plan.pdf application/pdf 4 B\n');
    expect(await opened(message)).toMatch(/Before\..*<hr>.*<i>After\.<\/i>/s);
    expect(await shown(multipart('mixed', 'b', plain('Before.'), pdf, plain('After.')))).toBe(
      '\nBefore.\n\nAfter.\n\n[2] Plan.pdf application/pdf 4 B\n',
    );
  });

  test('a newsletter: what has several lines stands apart', async () => {
    const cell = (name: string) =>
      `<td width="50%"><img src="https://i.test/x.png" alt=""><h3>${name}</h3><p>A very nice one.</p><p><a href="https://shop.test/${name}">Buy</a></p></td>`;
    const text = await shown(
      html(`<!--[if mso]><style>.x{}</style><xml><o:AllowPNG/></xml><![endif]--><body><div style="display:none">Preview &zwnj;&nbsp;</div>
<table><tr><td align="center"><!--[if (gte mso 9)|(IE)]><table><tr><td><![endif]--><table>
<tr><td><img src="https://i.test/l.png" alt="ACME"></td><td><a href="https://n.test/view">View in browser</a></td></tr>
<tr><td colspan="2"><h1>Our sale</h1><p>Hi&nbsp;Bob,<br>don&rsquo;t miss it.</p></td></tr>
<tr><td colspan="2"><table><tr>${cell('Tea')}${cell('Cup')}</tr></table></td></tr>
<tr><td colspan="2">ACME Ltd</td></tr></table><!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]--></td></tr></table>
<img src="https://t.test/o.gif" width="1" height="1">`),
    );
    expect(text).toBe(`
[image: ACME]
View in browser[1]

Our sale

Hi Bob,
don’t miss it.

Tea

A very nice one.

Buy[2]

Cup

A very nice one.

Buy[3]

ACME Ltd

Links:
[1] https://n.test/view
[2] https://shop.test/Tea
[3] https://shop.test/Cup
`);
  });

  test('a page of Outlook', async () => {
    const text = await shown(
      html(`<html xmlns:o="urn:o"><head><!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]--><style><!--
p.MsoNormal {margin:0in;} --></style></head><body><p class="MsoNormal">Hello Bob,<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<p><![if !supportLists]><span style="mso-list:Ignore">&#183;<span>&nbsp;</span></span><![endif]>First point<o:p></o:p></p>
<!--[if gte vml 1]><v:shape><v:imagedata src="cid:i@x"/></v:shape><![endif]--><![if !vml]><img src="cid:i@x"><![endif]>
<div style="border:none"><p><b>From:</b> Bob &lt;bob@example.org&gt;<br><b>Sent:</b> Friday</p></div>
<table><tr><td><p class="MsoNormal">Q1<o:p></o:p></p></td><td><p>100</p></td></tr><tr><td><p>Q2</p></td><td><p>200</p></td></tr></table>`),
    );
    expect(text).toBe(
      '\nHello Bob,\n\n· First point\n\nFrom: Bob <bob@example.org>\nSent: Friday\n\nQ1  100\nQ2  200\n',
    );
  });

  test('only attachments, nothing at all, and what only the parts say', async () => {
    const pdf = 'Content-Type: application/pdf; name="a.pdf"\nContent-Disposition: attachment\n\nx';
    expect(await shown(multipart('mixed', 'b', pdf))).toBe('\n[1] a.pdf application/pdf 1 B\n');
    expect(await shown('')).toBe('');
    expect(await shown('\n')).toBe('');
    expect(
      await shown(
        multipart(
          'report; report-type=delivery-status',
          'b',
          plain('It did not arrive.'),
          'Content-Type: message/delivery-status\n\nStatus: 5.1.1',
        ),
      ),
    ).toBe('\nIt did not arrive.\n\n[2] message/delivery-status 13 B\n');
  });

  test('a message within is read on a terminal, too, and obeyed nowhere', async () => {
    const carried = multipart(
      'mixed',
      'b',
      plain('See below.'),
      `Content-Type: message/rfc822\n\nSubject: inner ${HOSTILE.replaceAll('\r', '')}\n\n${HOSTILE}\n`,
    );
    for (const part of ['2', '2.1']) {
      const { screen, code } = await onTerminal(['show', '--file', file(carried), '--part', part]);
      expect(code).toBe(0);
      expect(screen).toContain('owned');
      expect(screen.replaceAll('\r\n', '\n')).not.toMatch(CONTROLS);
    }
  });

  test('nothing is obeyed, wherever in a header it stands', async () => {
    const evil = HOSTILE.replace('\r', '').replace('\0', '');
    const message = multipart(
      'mixed',
      'b',
      `Content-Type: text/plain; charset="${evil}"\nContent-Transfer-Encoding: ${evil}\n\nbody ${evil}`,
      `Content-Type: text/x${evil}; name="${evil}"\n\ntext ${evil}`,
      `Content-Type: application/x${evil}\nContent-Disposition: ${evil}; filename="f${evil}"\nContent-ID: <${evil}>\n\nx`,
    );
    const path = file(
      `From: <${evil}@example.org>\nTo: "${evil}" <a@example.org>, ${evil}: b@example.org;\nDate: ${evil}\n${message}`,
    );
    for (const words of ['show', 'show --headers', 'show --part 2', 'show --json', `save -d ${dir}`]) {
      for (const bytes of ['utf8', 'latin1'] as const) {
        writeFileSync(path, readFileSync(path, 'utf8'), bytes);
        const { screen } = await onTerminal([...words.split(' '), '--file', path, '--color', 'never'], {
          env: { PAGER: 'cat' },
        });
        expect(screen, words).toContain('owned');
        expect(screen.replaceAll('\r\n', '\n'), words).not.toMatch(CONTROLS);
      }
    }
  });

  test('of an endless text the beginning; a part of that length is for save', async () => {
    // More than twice this and V8 itself gave up.
    const path = join(dir, 'long.eml');
    const line = `${'x'.repeat(1_022)}\r\n`;
    writeFileSync(path, `Subject: s\r\n\r\n${line.repeat(65 * 1_024)}`);
    const { code, stdout, stderr } = await mailtool(['show', '--file', path]);
    expect({ code, length: stdout.length }).toEqual({
      code: 0,
      length: 32 * 1024 * 1024 - 32 * 1024 + 'Subject: s\n\n'.length,
    });
    expect(stderr).toContain('warning: the text is longer than 33554432 octets');
    const part = await mailtool(['show', '--file', path, '--part', '1']);
    expect(part).toMatchObject({ code: 65, stdout: '', stderr: expect.stringContaining('mailtool save') });
  }, 60_000);
});
