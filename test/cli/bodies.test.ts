import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { BIN, mailtool, type RunOptions } from './mailtool.ts';

let sandbox: Sandbox;
let dir: string;
beforeAll(async () => {
  sandbox = await startSandbox({ tls: true, username: 'me@example.org' });
  dir = mkdtempSync(join(tmpdir(), 'mailtool-bodies-'));
});
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => sandbox.clear());

const write = (name: string, content: string | Buffer): string => {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const to = ['-t', 'b@example.org'];
const send = (args: readonly string[], options: RunOptions = {}) =>
  mailtool(['send', ...args], { ...options, env: { ...sandbox.environment(), ...options.env } });
const printed = async (args: readonly string[], options: RunOptions = {}) => {
  const { code, stdout, stderr } = await mailtool(['send', '-n', '-f', 'a@example.org', ...args], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};
const quiet = { code: 0, signal: null, stdout: '', stderr: '' };
const EARLIER =
  'From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nTo: me@example.org\r\nBcc: hidden@example.org\r\nSubject: Re: Plan\r\n' +
  'Message-ID: <2@x>\r\nReferences: <1@x>\r\n\r\nGrüße\r\n';

/** The message as Python reads it: of each part the type, and what it holds. */
async function asPythonReadsIt(text: string): Promise<string[][]> {
  const script = `
import email, email.policy, json, sys
message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
parts = []
for part in message.walk():
    if part.defects: raise ValueError(part.defects)
    what = [part.get_content_type()]
    if part.get_content_maintype() == 'text': what.append(part.get_content().replace('\\r\\n', '\\n'))
    elif part['Content-ID']: what += [part['Content-ID'], part.get_content_disposition()]
    parts.append(what)
print(json.dumps(parts))`;
  const path = write('read.eml', Buffer.from(text, 'utf8'));
  return JSON.parse((await promisify(execFile)('python3', ['-c', script, path])).stdout);
}
const hasPython = spawnSync('python3', ['--version']).status === 0;

describe.skipIf(!hasPython)('send, as Python reads it,', () => {
  it('makes a text of the HTML, and takes its images from beside it', async () => {
    write('page/logo.png', 'LOGO');
    const page = write('page/mail.html', '<h1>Größe</h1><img src="logo.png" alt="Logo"><img src=logo.png>');
    const args = [...to, '--html-file', page, '--seed', 'x', '--date', '2026-11-21T10:00:00Z'];
    const text = await printed(args);
    const [, id] = /^Content-ID: <(.*)>\r$/m.exec(text) ?? [];
    expect(await asPythonReadsIt(text)).toEqual([
      ['multipart/alternative'],
      ['text/plain', 'Größe\n\n[Logo]\n'],
      ['multipart/related'],
      ['text/html', `<h1>Größe</h1><img src="cid:${id}" alt="Logo"><img src=cid:${id}>\n`],
      ['image/png', `<${id}>`, 'inline'],
    ]);
    expect(await printed(args)).toBe(text);
    const plain = await printed([...to, '--html-file', page, '--html-images', 'none']);
    expect(plain).not.toContain('image/png');
    expect(await printed([...to, '--html', '<img src=logo.png>', '--html-images', dirname(page)])).toContain(
      'image/png',
    );
  });

  it.each([
    ['gb2312', [0xc4, 0xe3, 0xba, 0xc3], '你好'],
    ['windows-1251', [0xcf, 0xf0, 0xe8], 'При'],
    ['nobody-knows', [0xe9], 'é'],
    ['utf-8', [0xe9], 'é'],
  ])('takes a page for what it says that it is: %s', async (charset, octets, text) => {
    const start = `<html><meta http-equiv=Content-Type content="text/html; charset=${charset}"><p>`;
    const page = write('declared.html', Buffer.concat([Buffer.from(start), Buffer.from(octets)]));
    expect(await asPythonReadsIt(await printed([...to, '--html-file', page]))).toEqual([
      ['multipart/alternative'],
      ['text/plain', `${text}\n`],
      ['text/html', `${start}${text}\n`],
    ]);
  });

  it('looks for no images beside a pipe', async () => {
    const script =
      '"$0" "$1" send -n -f a@example.org -t b@example.org --html-file <(printf "<img src=x.png>hi")';
    const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, BIN]);
    expect(stdout).toContain('<img src=x.png>hi\r\n');
  });

  it('writes in another charset when that is asked', async () => {
    const text = await printed([...to, '-m', '您好', '--html', '<b>您好</b>', '--charset', 'gb2312']);
    expect(text.match(/charset=gb2312/g)).toHaveLength(2);
    expect(await asPythonReadsIt(text)).toEqual([
      ['multipart/alternative'],
      ['text/plain', '您好\n'],
      ['text/html', '<b>您好</b>\n'],
    ]);
  });

  it('takes a calendar with its method, and a message as it is', async () => {
    const calendar = 'BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n';
    const message = write('plain.eml', 'Subject: Plan\n\nplain\n');
    const text = await printed([...to, '--calendar', '-', '--forward', message], { input: calendar });
    expect(text).toMatch(/^Subject: Fwd: Plan\r$/m);
    expect(text).toContain('Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n');
    expect(await asPythonReadsIt(text)).toEqual([
      ['multipart/mixed'],
      ['multipart/alternative'],
      ['text/plain', ''],
      ['text/calendar', calendar],
      ['application/ics'],
      ['message/rfc822'],
      ['text/plain', 'plain\n'],
    ]);
  });
});

describe('send refuses, and sends nothing,', () => {
  it.each([
    ['an image outside the folder of the HTML', '<img src="../x.png">', [], 65],
    ['an image that is not there', '<img src="nowhere.png">', [], 66],
    ['what is no image', '<img src="mail.html">', [], 65],
    ['a charset that nobody knows', '<p>x', ['--charset', 'x'], 65],
    ['a text that is not of the charset', '<p>€', ['--charset', 'iso-8859-1'], 65],
    ['what is no calendar', '<p>x', ['--calendar', 'bodies/mail.html'], 65],
    ['a calendar that is not there', '<p>x', ['--calendar', 'nowhere.ics'], 66],
    ['a message that is not there', '<p>x', ['--forward', 'nowhere.eml'], 66],
    ['a sender that is none', '<p>x', ['--sender', 'x'], 65],
    ['a seed for what is sent', '<p>x', ['--seed', 'x'], 64],
    ['two messages that are answered', '<p>x', ['--in-reply-to', 'a@b', '--reply-to-message', '-'], 64],
    ['standard input for two things', '<p>x', ['--calendar', '-', '--forward', '-'], 64],
    ['a place for the copy that is taken', '<p>x', ['--save-copy', 'bodies/mail.html'], 73],
    ['a place for the copy that cannot be', '<p>x', ['--save-copy', 'nowhere/x.eml'], 73],
  ] as const)('%s', async (_, html, args, code) => {
    const page = write('bodies/mail.html', html);
    const result = await send([...to, '--html-file', page, ...args], { cwd: dir, input: '' });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(sandbox.messages()).toEqual([]);
    expect(readdirSync(join(dir, 'bodies'))).toEqual(['mail.html']);
  });

  it.each([
    ['--raw', 'hello world\n', 'no message'],
    ['--raw', '', 'empty'],
    ['--resend', 'hello world\n', 'no message'],
    ['--forward', '\x89PNG\r\n', 'no message'],
    ['--forward', '\nhello: world\n', 'no message'],
    ['--reply-to-message', 'hello world\n', 'no message'],
    ['--reply-to-message', '', 'empty'],
  ])('a file that is no message: %s %j', async (flag, content, why) => {
    const path = write('none.eml', content);
    const body = /raw|resend/.test(flag) ? [] : ['-m', 'x'];
    const result = await send([...to, ...body, flag, path]);
    expect(result).toMatchObject({ code: 65, stdout: '' });
    expect(result.stderr).toContain(why);
    expect(sandbox.messages()).toEqual([]);
  });

  it.each(['--sender', '--charset', '--html-images', '--message-id'])('a line break in %s', async (flag) => {
    const page = write('bodies/mail.html', '<img src=x.png>');
    const { code } = await send([...to, '--html-file', page, flag, 'a@b\r\nBcc: x@y']);
    expect([65, 66]).toContain(code);
    expect(sandbox.messages()).toEqual([]);
  });
});

describe('send --inline', () => {
  const files = () => {
    for (const name of ['图.png', '表.png', 'one/logo.png', 'two/logo.png']) write(name, name);
  };

  it('calls images by ids of their own that differ, whatever script their names are in', async () => {
    files();
    const html = '<img src="图.png"><img src="表.png">';
    const text = await printed([...to, '--html', html, '--inline', '图.png', '--inline', '表.png'], {
      cwd: dir,
    });
    expect(text).toContain('<img src="cid:-.png"><img src="cid:2--.png">');
    expect([...text.matchAll(/^Content-ID: <(.*)>\r$/gm)].map(([, id]) => id)).toEqual(['-.png', '2--.png']);
  });

  it.each([
    ['--inline', 'one/logo.png', '--inline', 'two/logo.png'],
    ['--inline', '图.png;cid=x', '--inline', '表.png;cid=x'],
    ['-A', '图.png;cid=<x>', '--inline', '表.png;cid=x'],
  ])('refuses two of one id: %s %s %s %s', async (...args) => {
    files();
    const result = await send([...to, '--html', '<img src="cid:x">', ...args], { cwd: dir });
    expect(result).toMatchObject({ code: 65, stdout: '' });
    expect(result.stderr).toContain('two attachments have the content id');
    expect(sandbox.messages()).toEqual([]);
  });
});

describe('send --reply-to-message', () => {
  it('answers the sender in the thread, unless somebody else is named', async () => {
    const earlier = write('earlier.eml', EARLIER);
    const text = await printed(['--reply-to-message', earlier, '-m', 'Yes']);
    expect(text).toContain('To: =?utf-8?Q?J=C3=B6rg?= <j@example.org>\r\nSubject: Re: Plan\r\n');
    expect(text).toContain('In-Reply-To: <2@x>\r\nReferences: <1@x> <2@x>\r\n');
    const other = await printed([...to, '-s', 'No', '--reply-to-message', '-', '-m', 'x'], {
      input: EARLIER,
    });
    expect(other).toContain('To: b@example.org\r\nSubject: No\r\n');
    expect(other).toContain('In-Reply-To: <2@x>\r\n');
  });
});

describe('send --reply-to-message', () => {
  it('takes a subject of any length in little memory', async () => {
    const subject = `${'=?utf-8?q?=CC=81?= '.repeat(8_000)}`;
    const earlier = write('long-subject.eml', `From: j@example.org\r\nSubject: ${subject}\r\n\r\nx\r\n`);
    const ran = await mailtool(
      ['send', '-n', '-f', 'a@example.org', '-m', 'x', '--reply-to-message', earlier],
      {
        env: { NODE_OPTIONS: '--max-old-space-size=150' },
      },
    );
    expect({ ...ran, stdout: '' }).toEqual(quiet);
    expect(ran.stdout).toContain('Subject: Re:\r\n =?utf-8?');
  });
});

describe('send --resend', () => {
  it('sends a message as it is to others, and shows nobody who is hidden', async () => {
    const earlier = write('earlier.eml', EARLIER);
    expect(await send(['--resend', earlier, ...to, '-b', 'secret@example.org'])).toEqual(quiet);
    const [message] = await sandbox.waitFor(1);
    expect(message?.recipients).toEqual(['b@example.org', 'secret@example.org']);
    const text = (await message?.read())?.toString() ?? '';
    expect(text).toMatch(
      /^Resent-Date: [^\r]*\r\nResent-From: me@example\.org\r\nResent-To: b@example\.org\r\nResent-Message-ID: <[^\r]*>\r\nFrom: =\?/m,
    );
    expect(text).toContain(EARLIER.replace('Bcc: hidden@example.org\r\n', ''));
    expect(text).not.toMatch(/secret|hidden/);
  });

  it.each([
    [[], 64],
    [[...to, '-s', 'x'], 64],
    [[...to, '--raw', '-'], 64],
    [['-t', 'a'], 65],
  ])('with %j is refused', async (args, code) => {
    const earlier = write('earlier.eml', EARLIER);
    expect((await send(['--resend', earlier, ...args])).code).toBe(code);
    expect(sandbox.messages()).toEqual([]);
  });
});

describe('send --save-copy', () => {
  it('keeps what went out, for its owner alone', async () => {
    const path = join(dir, 'copy.eml');
    const { code, stdout } = await send([
      ...to,
      '-b',
      'secret@example.org',
      '-m',
      'Hi',
      '--save-copy',
      path,
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).copy).toBe(path);
    const [message] = await sandbox.waitFor(1);
    const copy = readFileSync(path);
    expect((await message?.read())?.toString()).toContain(copy.toString());
    expect(copy.toString()).toMatch(/^Date: [\s\S]*\r\n\r\nHi\r\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the form that the server was given', async () => {
    const path = join(dir, 'eight-bit.eml');
    expect(await send([...to, '-m', '您好', '--save-copy', path])).toEqual(quiet);
    const [message] = await sandbox.waitFor(1);
    expect(readFileSync(path, 'utf8')).toContain('Content-Transfer-Encoding: 8bit\r\n\r\n您好\r\n');
    expect((await message?.read())?.toString()).toContain(readFileSync(path, 'utf8'));
  });

  it('makes a Maildir, and puts it there as seen', async () => {
    const maildir = join(dir, 'Sent');
    expect(await send([...to, '-m', 'one', '--save-copy', `${maildir}/`])).toEqual(quiet);
    expect(await send([...to, '-m', 'two', '--save-copy', maildir])).toEqual(quiet);
    const names = readdirSync(join(maildir, 'cur'));
    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(/^\d+\.[0-9a-f]{16}\.[\w.-]+:2,S$/);
    expect([...readdirSync(join(maildir, 'tmp')), ...readdirSync(join(maildir, 'new'))]).toEqual([]);
  });

  it.each([
    ['what is there already', 'taken.eml', 73, 'name another file'],
    ['a directory that is no Maildir', 'folder', 73, 'folder/ to make a Maildir of it'],
    ['no name', '', 64, 'name a file'],
    ['standard output', '-', 64, 'name a file'],
  ])('does not go to %s, and nothing is sent', async (_, name, code, hint) => {
    write('taken.eml', 'kept');
    mkdirSync(join(dir, 'folder'), { recursive: true });
    const result = await send([...to, '-m', 'x', '--save-copy', name], { cwd: dir });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(hint);
    expect(result.stderr).not.toContain('--force');
    expect(readFileSync(join(dir, 'taken.eml'), 'utf8')).toBe('kept');
    expect(sandbox.messages()).toEqual([]);
  });

  it('keeps nothing of what was not sent', async () => {
    const path = join(dir, 'none', 'copy.eml');
    mkdirSync(dirname(path));
    const result = await send([...to, '-m', 'x', '--save-copy', path], {
      env: { MAILTOOL_SMTP_PASSWORD: 'wrong' },
    });
    expect(result.code).toBe(77);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')(
    'that fails afterwards is a warning: the message was sent',
    async () => {
      const { code, stderr } = await send([...to, '-m', 'x', '--save-copy', '/dev/full']);
      expect(code).toBe(0);
      expect(stderr).toContain(
        'warning: the message was sent, but there is no copy of it: cannot write /dev/full',
      );
      expect(sandbox.messages()).toHaveLength(1);
    },
  );
});

describe('send --dry-run --json', () => {
  it('has the message, and what would be asked of the server', async () => {
    const args = ['--json', ...to, '-b', 'c@example.org', '-m', 'hi', '--dsn', 'failure', '--hold-for', '1h'];
    const document = JSON.parse(await printed([...args, '--seed', 'a', '--date', '2026-11-21T10:00:00Z']));
    const message = Buffer.from(document.raw.base64, 'base64').toString();
    expect(message).toMatch(/^Date: Sat, 21 Nov 2026 [\s\S]*\r\n\r\nhi\r\n$/);
    expect(message.length).toBe(document.size);
    expect(document.commands).toEqual([
      `MAIL FROM:<a@example.org> SIZE=${document.size} HOLDFOR=3600`,
      'RCPT TO:<b@example.org> NOTIFY=FAILURE ORCPT=rfc822;b@example.org',
      'RCPT TO:<c@example.org> NOTIFY=FAILURE ORCPT=rfc822;c@example.org',
    ]);
  });
});
