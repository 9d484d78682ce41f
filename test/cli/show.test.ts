import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import { CONTROLS, FIELDS, HOSTILE, message, PNG } from './messages.ts';
import { onTerminal } from './pseudo-terminal.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const UTC = { TZ: 'UTC' };
function file(content: string | Uint8Array, name = 'a.eml'): string {
  const path = join(dir, name);
  writeFileSync(path, content, 'latin1');
  return path;
}
const show = (content: string, args: readonly string[] = [], options: RunOptions = {}) =>
  mailtool(['show', '--file', file(content), ...args], { ...options, env: { ...UTC, ...options.env } });

const PDF = { type: 'application/pdf', filename: 'report.pdf', content: '%PDF-1.4\n' };
const TEXT = { type: 'text/plain; charset=utf-8', content: 'Grüße,\r\nund mehr.\r\n' };
const plain = message(FIELDS, TEXT, PDF);
const page = (html: string, ...more: Parameters<typeof message>[1][]) =>
  message(FIELDS, { type: 'text/html; charset=utf-8', content: html }, ...more);

describe('a message in a file', () => {
  test('is a short header, the text, and a line for each part', async () => {
    expect(await show(plain)).toEqual({
      code: 0,
      signal: null,
      stderr: '',
      stdout: `From: Ann <ann@example.org>
To: bob@example.org, Carl <carl@example.org>
Date: 2026-11-21 06:16 +0000
Subject: Figures

Grüße,
und mehr.

[2] report.pdf application/pdf 9 B
`,
    });
  });

  test('the date is that of the place', async () => {
    const { stdout } = await show(plain, [], { env: { TZ: 'Asia/Kolkata' } });
    expect(stdout).toContain('Date: 2026-11-21 11:46 +0530');
  });

  test('--headers: every field, decoded', async () => {
    const { stdout } = await show(plain, ['--headers']);
    expect(stdout).toContain('X-Other: café\nMIME-Version: 1.0\n');
    expect(stdout).toContain('Grüße');
  });

  test('--part: a text as text in UTF-8, anything else as it is', async () => {
    const latin = message(
      FIELDS,
      { type: 'text/plain; charset=iso-8859-1', content: Buffer.from('caf\xe9', 'latin1') },
      PDF,
    );
    expect((await show(latin, ['--part', '1'])).stdout).toBe('café');
    expect((await show(latin, ['--part', '2'])).stdout).toBe('%PDF-1.4\n');
    const missing = await show(latin, ['--part', '7']);
    expect(missing.code).toBe(66);
    expect(missing.stderr).toContain('1, 2');
  });

  test('--json: all of it', async () => {
    const { stdout } = await show(plain, ['--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'mailtool.show/1',
      ok: true,
      number: 1,
      uid: null,
      size: plain.length,
      from: [{ name: 'Ann', address: 'ann@example.org' }],
      to: [
        { name: '', address: 'bob@example.org' },
        { name: 'Carl', address: 'carl@example.org' },
      ],
      cc: [],
      replyTo: [],
      date: '2026-11-21T06:16:35.000Z',
      subject: 'Figures',
      messageId: null,
      inReplyTo: [],
      references: [],
      text: 'Grüße,\nund mehr.\n',
      textSource: 'plain',
      links: [],
      attachments: [
        {
          part: '2',
          filename: 'report.pdf',
          type: 'application/pdf',
          disposition: 'attachment',
          contentId: null,
          size: 9,
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      ],
      warnings: [],
      error: null,
    });
    const part = JSON.parse((await show(plain, ['--json', '--part', '2'])).stdout);
    expect(Buffer.from(part.part.raw.base64, 'base64').toString()).toBe('%PDF-1.4\n');
  });

  test('what is not there is 66, what makes no sense 64', async () => {
    expect((await mailtool(['show', '--file', join(dir, 'none')])).code).toBe(66);
    expect((await mailtool(['show', '--file', file('', 'empty.eml'), '2'])).code).toBe(66);
    expect((await show(plain, ['--links', '--html'])).code).toBe(64);
    expect((await show(plain, ['--new'])).code).toBe(64);
    expect((await show(plain, ['--html'])).code).toBe(66);
  });

  test('comes from standard input, too', async () => {
    const { stdout } = await mailtool(['show', '--file', '-'], { input: plain });
    expect(stdout).toContain('und mehr.');
  });
});

describe('several messages', () => {
  const one = (number: number) => `Subject: number ${number}\n\nFrom here\n>From there\n`;
  const mbox = `From a@example.org Sat Nov 21 06:00:00 2026\n${one(1).replace(/^(>*From )/gm, '>$1')}\nFrom b Sat Nov 21 06:00:01 2026\n${one(2).replace(/^(>*From )/gm, '>$1')}\n`;

  test('in an mbox: the newest, or the one that is named', async () => {
    const path = file(mbox, 'mbox');
    expect((await mailtool(['show', '--file', path])).stdout).toBe(
      'Subject: number 2\n\nFrom here\n>From there\n',
    );
    expect((await mailtool(['show', '--file', path, '1'])).stdout).toContain('number 1');
    expect((await mailtool(['show', '--file', path, '3'])).code).toBe(66);
    expect((await mailtool(['show', '--file', path, 'all'])).code).toBe(64);
    expect((await mailtool(['show', '--file', path, '--subject', 'number 1'])).stdout).toContain('number 1');
    const none = await mailtool(['show', '--file', path, '--subject', 'number 3']);
    expect(none).toMatchObject({ code: 66, stdout: '' });
  });

  test('in a Maildir: by the time of arrival', async () => {
    for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(dir, 'Mail', name), { recursive: true });
    writeFileSync(join(dir, 'Mail/cur/200.b.host:2,S'), one(2));
    writeFileSync(join(dir, 'Mail/new/1000.c.host'), one(3));
    writeFileSync(join(dir, 'Mail/cur/100.a.host:2,'), one(1));
    const path = join(dir, 'Mail');
    expect((await mailtool(['show', '--file', path])).stdout).toContain('number 3');
    expect((await mailtool(['show', '--file', path, 'uid:200.b'])).stdout).toContain('number 2');
    expect(JSON.parse((await mailtool(['show', '--file', path, '1', '--json'])).stdout)).toMatchObject({
      number: 1,
      uid: '100.a.host',
      subject: 'number 1',
    });
  });

  test('on a server: the newest, the newest that matches, or one by its unique-id', async () => {
    const files = [plain, plain.replace('Figures', 'Tea'), plain.replace('Figures', 'Cake')];
    const preload = files.map((content, index) => file(content, `${index}.eml`));
    await using sandbox = await startSandbox({ preload });
    const env = { ...UTC, ...sandbox.environment() };
    expect((await mailtool(['show'], { env })).stdout).toContain('Subject: Cake');
    expect((await mailtool(['show', '--subject', 'tea'], { env })).stdout).toContain('Subject: Tea');
    const { uid } = JSON.parse((await mailtool(['show', '1', '--json'], { env })).stdout);
    expect((await mailtool(['show', `uid:${uid}`], { env })).stdout).toContain('Subject: Figures');
    expect((await mailtool(['show', '1-2'], { env })).code).toBe(64);
    expect((await mailtool(['show', '9'], { env })).code).toBe(66);
    expect((await mailtool(['show', '--subject', 'nothing'], { env })).code).toBe(66);
  });
});

test('a password that stands in a message is the message’s own', async () => {
  const told = message(
    FIELDS,
    { type: 'text/plain', content: 'it is hunter22' },
    { ...PDF, filename: 'hunter22.pdf' },
  );
  await using sandbox = await startSandbox({ preload: [file(told)], password: 'hunter22' });
  const { stdout } = await mailtool(['show', '--json'], { env: sandbox.environment() });
  expect(JSON.parse(stdout)).toMatchObject({
    text: 'it is hunter22',
    attachments: [{ filename: 'hunter22.pdf' }],
  });
});

describe('HTML', () => {
  const html =
    page(`<p>See <a href="https://a.example/x?y=1&amp;z=2">the figures</a>, <a href="https://b.example/">https://bank.example/</a>
    and <a href="https://a.example/x?y=1&amp;z=2">again</a>, and ${'many words '.repeat(20)}end.</p>
    <table><tr><th>Item<th>Price</tr><tr><td>Tea<td>3.00</tr></table>
    <img src="https://track.example/?id=1" width="1" height="1"><img src="https://img.example/logo.png">
    <img src="//img.example/a" alt="A cat"><style>p{}</style><script>alert(1)</script>`);

  test('becomes text: links by number, tables in columns, images on the web by name, nothing that counts', async () => {
    const { stdout } = await show(html);
    expect(stdout).toContain('See the figures[1], https://bank.example/[2] and again[1], and many words');
    expect(stdout).toContain('words end.\n'); // not wrapped in a pipe
    expect(stdout).toContain('Item  Price\n----  -----\nTea   3.00\n');
    expect(stdout).toContain('[image: logo.png] [image: A cat]');
    expect(stdout).toContain('Links:\n[1] https://a.example/x?y=1&z=2\n[2] https://b.example/\n');
    expect(stdout).not.toMatch(/track|alert|p\{/);
  });

  test('--links has the same numbers', async () => {
    expect((await show(html, ['--links'])).stdout).toBe(
      '1 https://a.example/x?y=1&z=2 the figures\n2 https://b.example/ https://bank.example/\n',
    );
  });

  test('--html is what its author wrote', async () => {
    expect((await show(html, ['--html'])).stdout).toContain('<script>alert(1)</script>');
  });
});

describe('on a terminal', () => {
  const terminal = (
    content: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ) => onTerminal(['show', '--file', file(content), ...args], { env: { ...UTC, ...env } });

  test('long lines are wrapped, with their quotes; East Asian characters are two columns wide', async () => {
    const text = `> ${'word '.repeat(30)}\r\n${'漢字。'.repeat(40)}\r\nhttps://example.org/${'x'.repeat(100)}\r\n`;
    const { screen } = await terminal(message(FIELDS, { type: 'text/plain; charset=utf-8', content: text }), [
      '--no-pager',
    ]);
    const lines = screen.replaceAll('\r', '').split('\n');
    expect(lines.filter((line) => line.startsWith('> word')).length).toBe(2);
    const wide = lines.filter((line) => line.includes('漢'));
    expect(wide.length).toBeGreaterThan(2);
    for (const line of wide) {
      expect(line.length).toBeLessThanOrEqual(40);
      expect(line).not.toMatch(/^。/);
    }
    expect(lines).toContain(`https://example.org/${'x'.repeat(100)}`);
  });

  const hostile = message(
    [
      `From: =?utf-8?b?${Buffer.from(HOSTILE).toString('base64')}?= <a@example.org>`,
      `Subject: =?utf-8?b?${Buffer.from(`pay ${HOSTILE}`).toString('base64')}?=`,
      'X-Raw: \x1b]0;owned\x07\x9b31m',
      'Date: \x1b[31m yesterday',
    ],
    { type: 'text/plain; charset=utf-8', content: `body ${HOSTILE}\r\n` },
    { type: 'application/pdf', filename: `name ${HOSTILE}.pdf`, content: 'x' },
    { type: 'application/\x1b[31mpdf', filename: 'b.pdf', content: 'x' },
    {
      type: `text/html; charset=utf-8`,
      filename: 'p.html',
      content: `<p>${HOSTILE}<a href="https://x.example/&#27;]0;owned&#7;">y</a>`,
    },
  );

  test.each(['-v', '--headers', '--part 1', '--part 4', '--links', '--json'])(
    'nothing of a message is obeyed: %s',
    async (words) => {
      const { screen, code } = await terminal(hostile, [
        '--no-pager',
        '--color',
        'never',
        ...words.split(' '),
      ]);
      expect(code).toBe(0);
      expect(screen.replaceAll('\r\n', '\n')).not.toMatch(CONTROLS);
    },
  );

  test('nor of a page', async () => {
    const html = page(
      `<p>${HOSTILE} <a href="https://x.example/&#27;]0;owned&#7;">y ${HOSTILE}</a><img src="https://x.example/&#x202e;.png" alt="${HOSTILE}">`,
    );
    for (const args of [[], ['--html'], ['--links']]) {
      const { screen } = await terminal(html, ['--no-pager', '--color', 'never', ...args]);
      expect(screen).toContain('x.example');
      expect(screen.replaceAll('\r\n', '\n')).not.toMatch(CONTROLS);
    }
  });

  test('nor in a pipe', async () => {
    for (const args of [[], ['--headers'], ['--links'], ['--json']]) {
      expect((await show(hostile, args)).stdout).not.toMatch(CONTROLS);
    }
  });

  function pager(name: string, script: string): string {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  test('the pager gets it, made safe before', async () => {
    const path = pager('pager', `cat > ${join(dir, 'paged')}; echo paged`);
    const { screen, code } = await terminal(hostile, [], { PAGER: path });
    expect(code).toBe(0);
    expect(screen).toContain('paged\r\n');
    expect(screen).not.toContain('Subject');
    const paged = readFileSync(join(dir, 'paged'), 'utf8');
    expect(paged).toContain('Subject: pay ^[]0;owned');
    expect(paged).not.toMatch(CONTROLS);
  });

  test('a pager that leaves early, or is not there, is no failure', async () => {
    expect(await terminal(plain, [], { PAGER: pager('early', 'exit 0') })).toEqual({ code: 0, screen: '' });
    const absent = await terminal(plain, [], { PAGER: join(dir, 'absent') });
    expect(absent.code).toBe(0);
    expect(absent.screen).toContain('und mehr.');
  });

  test.each([['--no-pager'], ['-q'], ['--json'], ['--no-input']])('no pager with %s', async (flag) => {
    const { screen } = await terminal(plain, [flag], {
      PAGER: pager('pager', 'cat > /dev/null; echo paged'),
    });
    expect(screen).not.toContain('paged');
  });

  test('a part that is no text is refused', async () => {
    const { screen, code } = await terminal(
      message(FIELDS, TEXT, { ...PDF, type: 'image/png', content: PNG }),
      ['--part', '2'],
    );
    expect(code).toBe(64);
    expect(screen).toContain('mailtool save');
  });

  test('--open: the browser gets the page, and nothing of a shell', async () => {
    const log = join(dir, 'opened');
    const env = { DISPLAY: ':99', BROWSER: pager('browser', `printf '%s\\n' "$@" > ${log}`), TMPDIR: dir };
    const { code } = await terminal(plain, ['--open', '-q'], env);
    expect(code).toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(/^file:\/\/\/.*\/mailtool-page-\w+\/message\.html\n$/);
  });
});

describe('--open', () => {
  test('without a display: the path of a page that only its owner can read', async () => {
    const { stdout, code } = await show(plain, ['--open'], { env: { TMPDIR: dir } });
    expect(code).toBe(0);
    const path = stdout.trim();
    expect(path.startsWith(dir)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    const content = readFileSync(path, 'utf8');
    expect(content).toContain("default-src 'none'");
    expect(content).toContain('Grüße');
    expect(content).toContain('report.pdf');
    const { path: other } = JSON.parse(
      (await show(plain, ['--open', '--json'], { env: { TMPDIR: dir } })).stdout,
    );
    expect(other).not.toBe(path);
  });
});
