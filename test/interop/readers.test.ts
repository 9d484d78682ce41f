import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mailtool, pop3Login, run, workspace } from './command.ts';
import { type DropEntry, deliverMany, empty, mailboxReads, poplib, sha256 } from './maildrop.ts';
import { muttTypes } from './pseudo-mutt.ts';
import { account, describeInterop } from './servers.ts';

/** Bodies that a mailbox file, or its reader, may take for something else; lines end as they are written here. */
const BODIES: Readonly<Record<string, string>> = {
  'From lines':
    'From here\r\nFrom \r\n\r\nFrom a@b.test Sat Nov 21 06:00:00 2026\r\nFrom\r\nfrom x\r\n From y\r\n',
  'quoted From lines': '>From x\r\n>>From y\r\n> From z\r\n>>>>From \r\n>\r\n',
  'a From line at once': 'From the first line\r\n',
  'a From line at the end': 'text\r\n\r\nFrom',
  'no final newline': 'the last line',
  'no body': '',
  'empty lines at the end': 'text\r\n\r\n\r\n\r\n',
  '8-bit': 'Gr\xfc\xdfe, \xc4\xe3\xba\xc3, \xc3\xa9\r\n\x80\xff\r\n',
  'long lines': `${'0123456789'.repeat(20_000)}\r\n${'From '.repeat(3_000)}\r\n`,
  dots: '.\r\n..\r\n.x\r\n...\r\n.\r\n',
  'control characters': 'a\x01\x08\x0c\x1b[2J\x7f\r\n\x1a\r\n',
  'a lone CR': 'one\rtwo\r\n\rthree\r\n',
  'a Content-Length that lies': 'Content-Length: 3\r\n\r\nlonger than three\r\n',
};

const lf = (text: string) => text.replaceAll('\r\n', '\n');
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const sums = (texts: Iterable<string>) =>
  [...texts].map((text) => sha256(Buffer.from(text, 'latin1'))).sort();
/** What mboxrd asks of whoever reads it: one `>` less before each `From ` that has some. */
const unquoted = (text: string) => text.replace(/^>(>*From )/gm, '$1');

describeInterop('what fetch has stored is read by others', (servers) => {
  const files = workspace();
  const maildir = join(files.path, 'mail/M');
  const mbox = join(files.path, 'mail/box');
  let drop: DropEntry[] = [];
  const served = () => drop.map(({ raw }) => latin1(raw));

  beforeAll(async () => {
    const user = account(servers, 'rosa');
    await empty(servers, user);
    const messages = Object.entries(BODIES).map(
      ([name, body]) =>
        `From: a@mail.test\r\nTo: b@mail.test\r\nDate: Sat, 21 Nov 2026 06:00:00 +0000\r\nMessage-ID: <${randomUUID()}@mail.test>\r\nSubject: ${name}\r\n\r\n${body}`,
    );
    deliverMany(servers, user, messages);
    drop = await poplib(servers, user);
    expect(drop).toHaveLength(messages.length);
    const env = {
      ...pop3Login(servers, { user, port: servers.pop3.implicit, tls: 'implicit' }),
    };
    for (const [kind, target] of [
      ['maildir', maildir],
      ['mbox', mbox],
    ] as const) {
      const state = { MAILTOOL_STATE_DIR: join(files.path, kind) };
      const ran = await mailtool(['fetch', `--${kind}`, target], { env: { ...env, ...state } });
      expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' });
    }
    writeFileSync(join(files.path, 'keep'), `#!/bin/sh\ncat >"$(mktemp '${files.path}/out/XXXXXXXX')"\n`, {
      mode: 0o755,
    });
    writeFileSync(
      join(files.path, 'muttrc'),
      `set charset=us-ascii wait_key=no pipe_decode=no pipe_split=yes pipe_sep="" quit=yes move=no\nset folder=${files.path}\n`,
    );
  }, 60_000);
  afterAll(files.remove);

  /** Every message of a mailbox, as mutt gives it to a pipe. */
  async function inMutt(mailbox: string): Promise<string[]> {
    const out = join(files.path, 'out');
    mkdirSync(out);
    const keys = `<tag-pattern>~A<enter><tag-prefix><pipe-message>${files.path}/keep<enter><exit>`;
    const { status, stdout } = await muttTypes(files.path, mailbox, keys);
    expect(status, latin1(stdout)).toBe(0);
    const texts = readdirSync(out).map((name) => readFileSync(join(out, name), 'latin1'));
    await run('rm', ['-r', out]);
    return texts;
  }

  it('a Maildir has the octets of the server, for Python', async () => {
    const read = await mailboxReads('maildir', maildir);
    expect(sums(read.map(latin1))).toEqual(drop.map((entry) => entry.sha256).sort());
  });

  it('a Maildir has the octets of the server, for notmuch', async () => {
    const config = join(files.path, 'notmuch-config');
    writeFileSync(
      config,
      `[database]\npath=${join(files.path, 'mail')}\n[user]\nname=x\nprimary_email=b@mail.test\n[new]\ntags=new\nignore=box\n`,
    );
    const notmuch = async (...args: string[]) => {
      const { status, stdout, stderr } = await run('notmuch', args, {
        env: { NOTMUCH_CONFIG: config, HOME: files.path },
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout;
    };
    await notmuch('new', '--quiet');
    const ids = latin1(await notmuch('search', '--output=messages', '*'))
      .trim()
      .split('\n');
    const read: string[] = [];
    for (const id of ids) read.push(latin1(await notmuch('show', '--format=raw', id)));
    expect(sums(read)).toEqual(drop.map((entry) => entry.sha256).sort());
  });

  it('a Maildir has the text of the server, for mutt', async () => {
    // mutt ends the header by a line end of its own, whatever the file has there.
    expect(sums((await inMutt(maildir)).map(lf))).toEqual(sums(served().map(lf)));
  });

  // RFC 4155 leaves open what is done about lines that look like the beginning of a message. mailtool writes them as mboxrd,
  // which loses nothing; these two leave the quoting in, as readers of mboxo do that never take it away. So it is taken away
  // here, by the rule of mboxrd, and what comes out is what the server sent, with the line ends that an mbox has.
  it('an mbox has the text of the server, for Python, once unquoted', async () => {
    const read = (await mailboxReads('mbox', mbox)).map(latin1);
    expect(read.filter((text) => /^From /m.test(text))).toEqual([]);
    expect(sums(read.map(unquoted))).toEqual(sums(served().map(lf)));
  });

  it('an mbox has the text of the server, for mutt, once unquoted', async () => {
    const read = (await inMutt(mbox)).map((text) => {
      expect(text).toMatch(/^From MAILER-DAEMON .*\n/);
      return text.replace(/^From .*\n/, '');
    });
    expect(sums(read.map(unquoted))).toEqual(sums(served().map(lf)));
  });
});
