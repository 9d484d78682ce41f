import { execFile, execFileSync } from 'node:child_process';
import {
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';
import { SILENCE, smtpServer } from './scripted-server.ts';

let sandbox: Sandbox;
let dir: string;
beforeAll(async () => {
  sandbox = await startSandbox({ tls: true, username: 'me@example.org' });
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => sandbox.clear());

const to = ['-t', 'b@example.org', '-s', 'Hi'];
const send = (args: readonly string[], options: RunOptions = {}) =>
  mailtool(['send', ...args], { ...options, env: { ...sandbox.environment(), ...options.env } });
const sent = async () => {
  const [message] = await sandbox.waitFor(1);
  if (message === undefined) throw new Error('nothing was sent');
  return {
    recipients: message.recipients,
    reversePath: message.reversePath,
    text: (await message.read()).toString(),
  };
};
const quiet = { code: 0, signal: null, stdout: '', stderr: '' };

/** The message as Python reads it: every part with its type, name, disposition, content id and bytes in base64. */
async function asPythonReadsIt(text: string): Promise<Record<string, string | null>[]> {
  const path = join(dir, 'read.eml');
  writeFileSync(path, text);
  const script = `
import base64, email, email.policy, json, sys
message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
print(json.dumps([{'type': part.get_content_type(), 'name': part.get_filename(), 'disposition': part.get_content_disposition(),
  'cid': part['Content-ID'], 'bytes': base64.b64encode(part.get_payload(decode=True)).decode()}
  for part in message.walk() if not part.is_multipart()]))`;
  return JSON.parse(
    (await promisify(execFile)('python3', ['-c', script, path], { maxBuffer: 2 ** 26 })).stdout,
  );
}

describe('send', () => {
  it('takes the body from standard input, over TLS and with a log-in, and says nothing', async () => {
    expect(await send(to, { input: 'Backup finished\n' })).toEqual(quiet);
    const { recipients, reversePath, text } = await sent();
    expect({ recipients, reversePath }).toEqual({
      recipients: ['b@example.org'],
      reversePath: 'me@example.org',
    });
    expect(text).toMatch(/^Subject: Hi\r$/m);
    expect(text).toMatch(/\r\n\r\nBackup finished\r\n$/);
  });

  it('says on a terminal, or with -v, what became of it', async () => {
    const line = /sent <\S+@\S+> to 1 recipient via 127\.0\.0\.1:\d+ \(TLSv1\.3, plain\) in \d+\.\d s: 250 /;
    expect((await send([...to, '-m', 'x', '-v'])).stderr).toMatch(line);
    const { code, screen } = await onTerminal(['send', ...to, '-m', 'x', '--color=never'], {
      env: sandbox.environment(),
    });
    expect(code).toBe(0);
    expect(screen).toMatch(new RegExp(`^${line.source}.*\\r\\n$`));
  });

  it('gives the whole receipt with --json', async () => {
    const { code, stdout, stderr } = await send([...to, '-c', 'c@example.org', '-m', 'x', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      schema: 'mailtool.send/1',
      ok: true,
      status: 'sent',
      account: null,
      messageId: expect.stringMatching(/^<\S+@example\.org>$/),
      envelope: { from: 'me@example.org', to: ['b@example.org', 'c@example.org'] },
      accepted: [{ address: 'b@example.org', reply: { code: 250 } }, { address: 'c@example.org' }],
      rejected: [],
      response: expect.stringMatching(/^250 /),
      tls: { version: 'TLSv1.3', verified: true },
      auth: 'PLAIN',
      timingsMs: {
        connect: expect.any(Number),
        tls: expect.any(Number),
        auth: expect.any(Number),
        data: expect.any(Number),
        total: expect.any(Number),
      },
      warnings: [],
      error: null,
    });
    // A failure has the same fields.
    const failed = JSON.parse((await send(['--json', '--from', 'a@example.org', '-m', 'x'])).stdout);
    expect(Object.keys(failed).sort()).toEqual(Object.keys(document).sort());
  });

  it('takes lists and repeated flags, once each, and shows no Bcc', async () => {
    const args = [
      '-t',
      'Ann <b@example.org>, c@example.org',
      '-t',
      'd@example.org',
      '-c',
      'b@example.org;e@example.org',
      '-b',
      'secret@example.org',
    ];
    expect((await send([...args, '-m', 'x'])).code).toBe(0);
    const { recipients, text } = await sent();
    expect(recipients).toEqual(['b', 'c', 'd', 'e', 'secret'].map((name) => `${name}@example.org`));
    expect(text).not.toMatch(/bcc|secret/i);
  });

  it('puts the header together', async () => {
    const args = [
      '--reply-to',
      'r@example.org',
      '--in-reply-to',
      '<q@example.org>',
      '-H',
      'X-Job: nightly',
      '--priority',
      'high',
      '--date',
      '2026-01-02T03:04:05Z',
      '--message-id',
      '<m@example.org>',
      '-f',
      '"Build, nightly" <ci@example.org>',
      '--envelope-from',
      'bounces@example.org',
    ];
    expect(await send([...to, '-m', 'x', ...args])).toEqual(quiet);
    const { reversePath, text } = await sent();
    expect(reversePath).toBe('bounces@example.org');
    for (const line of [
      /^From: "Build, nightly" <ci@example\.org>/m,
      /^Reply-To: r@example\.org/m,
      /^In-Reply-To: <q@example\.org>/m,
      /^X-Job: nightly/m,
      /^X-Priority: 1/m,
      /^Message-ID: <m@example\.org>/m,
      /^Date: Fri, 0?2 Jan 2026 /m,
    ]) {
      expect(text).toMatch(line);
    }
  });

  it('sends with a null reverse-path when asked', async () => {
    expect((await send([...to, '-m', 'x', '--envelope-from', '<>'])).code).toBe(0);
    expect((await sent()).reversePath).toBe('');
  });

  it('attaches files and standard input, under the names and types that were asked for', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * 7) % 256));
    const path = join(dir, 'a;b.bin');
    writeFileSync(path, bytes);
    const args = [
      '--html',
      '<img src="cid:logo">',
      '--inline',
      `${path};name=logo.png;cid=logo`,
      '-A',
      `${path};name=报告.pdf`,
      '-A',
      `${path};type=text/x-log`,
      '-A',
      '-;name=log.txt',
    ];
    expect(await send([...to, '-m', 'see below', ...args], { input: 'from a pipe\n' })).toEqual(quiet);
    const parts = await asPythonReadsIt((await sent()).text);
    const content = bytes.toString('base64');
    expect(parts).toMatchObject([
      { type: 'text/plain', name: null },
      { type: 'text/html', name: null },
      { type: 'image/png', name: 'logo.png', disposition: 'inline', cid: '<logo>', bytes: content },
      { type: 'application/pdf', name: '报告.pdf', disposition: 'attachment', bytes: content },
      { type: 'text/x-log', name: 'a;b.bin', bytes: content },
      { type: 'text/plain', name: 'log.txt', bytes: Buffer.from('from a pipe\n').toString('base64') },
    ]);
  });

  it('needs no body beside an attachment from a pipe', async () => {
    expect(await send([...to, '-A', '-;name=log.txt'], { input: 'log\n' })).toEqual(quiet);
  });

  it.each([
    ['a pipe larger than memory may hold', (body: string) => [[], body] as const],
    ['a file', (body: string) => [['--text-file', write('body.txt', body)], ''] as const],
    ['standard input by its name', (body: string) => [['--text-file', '-'], body] as const],
  ])('sends a long body from %s whole, and leaves no file behind', async (_, from) => {
    const body = Array.from({ length: 60_000 }, (_, line) => `line ${line} .of a long log\n.\n`).join('');
    const [args, input] = from(body);
    const temporary = mkdtempSync(join(dir, 'tmp-'));
    expect(await send([...to, ...args], { input, env: { TMPDIR: temporary } })).toEqual(quiet);
    expect(readdirSync(temporary)).toEqual([]);
    const [part] = await asPythonReadsIt((await sent()).text);
    expect(
      Buffer.from(part?.['bytes'] ?? '', 'base64')
        .toString()
        .replaceAll('\r\n', '\n') === body,
    ).toBe(true);
  });

  it('logs in with a password from standard input', async () => {
    const { host, port } = sandbox.smtp;
    const server = [
      '--smtp-host',
      `${host}:${port}`,
      '--smtp-user',
      'me@example.org',
      '--smtp-password-stdin',
    ];
    const ran = await mailtool(['send', ...to, '-m', 'x', ...server, '-v'], {
      input: `${sandbox.password}\n`,
    });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toContain('(no TLS, cram-md5)');
    const { reversePath } = await sent();
    expect(reversePath).toBe('me@example.org');
  });
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

describe('send --raw', () => {
  const eml =
    'From: Ann <ann@example.org>\nTo: b@example.org\nCc: c@example.org\nBcc: hidden@example.org,\n also@example.org\nSubject: as it is\nMessage-ID: <raw@example.org>\n\n.dot\nlast';

  it('sends a finished message to the recipients of its header, without Bcc', async () => {
    const { code, stdout } = await send(['--raw', write('m.eml', eml), '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'sent',
      messageId: '<raw@example.org>',
      envelope: { from: 'ann@example.org' },
    });
    const { recipients, text } = await sent();
    expect([...recipients].sort()).toEqual(['also', 'b', 'c', 'hidden'].map((name) => `${name}@example.org`));
    expect(text).toBe(
      'From: Ann <ann@example.org>\r\nTo: b@example.org\r\nCc: c@example.org\r\nSubject: as it is\r\nMessage-ID: <raw@example.org>\r\n\r\n.dot\r\nlast\r\n',
    );
  });

  it('sends it to others when they are named, from standard input too', async () => {
    expect(await send(['--raw', '-', '-t', 'z@example.org', '-f', 'y@example.org'], { input: eml })).toEqual(
      quiet,
    );
    const { recipients, reversePath } = await sent();
    expect({ recipients, reversePath }).toEqual({
      recipients: ['z@example.org'],
      reversePath: 'y@example.org',
    });
  });

  it.each([
    ['nobody to send to', 'From: a@example.org\n\nx', 65],
    ['nothing', '', 65],
  ])('refuses %s', async (_, input, exit) => {
    expect((await send(['--raw', '-'], { input })).code).toBe(exit);
    expect(sandbox.messages()).toEqual([]);
  });
});

describe('send --dry-run', () => {
  it('prints the finished message, and needs no server', async () => {
    const args = ['send', '-n', '-f', 'a@example.org', ...to, '-m', 'text', '-b', 'secret@example.org'];
    const { code, stdout, stderr } = await mailtool(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^(?:[A-Z][\w-]*: .*\r\n(?:\s.*\r\n)*)+\r\ntext\r\n$/);
    expect(stdout).not.toContain('secret');
    expect((await mailtool([...args, '-v'])).stderr).toContain('to <b@example.org>, <secret@example.org>');
    const document = JSON.parse((await mailtool([...args, '--json'])).stdout);
    expect(document).toMatchObject({
      ok: true,
      status: 'dry-run',
      envelope: { to: ['b@example.org', 'secret@example.org'] },
    });
    expect(document.size).toBeGreaterThan(100);
  });

  it('stops quietly when its reader has seen enough', async () => {
    const path = write('big.bin', Buffer.alloc(3_000_000, 7));
    const script = `"$0" "$@" | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', [
      '-c',
      script,
      process.execPath,
      ...(await import('./mailtool.ts').then(({ BIN }) => [BIN])),
      'send',
      '-n',
      '-f',
      'a@example.org',
      ...to,
      '-m',
      'x',
      '-A',
      path,
    ]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\S+: .*\r\n0\n$/);
  });
});

describe('send --skip-empty', () => {
  it('sends nothing, and succeeds, when there is no output to report', async () => {
    for (const input of ['', '\n', ' \r\n\n']) expect(await send([...to, '-E'], { input })).toEqual(quiet);
    const { stdout } = await send([...to, '-E', '--json'], { input: '' });
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, status: 'skipped', messageId: null });
    expect(sandbox.messages()).toEqual([]);
  });

  it('sends what is there', async () => {
    expect(await send([...to, '-E'], { input: 'x\n' })).toEqual(quiet);
    expect(sandbox.messages()).toHaveLength(1);
  });
});

describe('send at a terminal', () => {
  it('without a body shows how to give one: 64 and three examples', async () => {
    const { code, screen } = await onTerminal(['send', ...to], { env: sandbox.environment() });
    expect(code).toBe(64);
    expect(screen.match(/^ {2}.*mailtool send -t/gm)).toHaveLength(3);
  });

  it('says that it reads the body from standard input when nothing comes', async () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const input = createWriteStream(fifo);
    let told = false;
    const { code } = await onTerminal(['send', ...to, '--color=never'], {
      env: sandbox.environment(),
      stdin: fifo,
      onScreen(screen) {
        if (told || !screen.includes('mailtool: reading the body from standard input')) return;
        told = true;
        input.end('at last\n');
      },
    });
    expect({ code, told }).toEqual({ code: 0, told: true });
  });

  it('shows how far a long one has come, and takes the bar away', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await smtpServer(
      { EHLO: '250-mx.example.org\r\n250 SIZE 0\r\n', DATA: '354 go on\r\n' },
      { pauseAt: 'DATA', until: released },
    );
    const path = write('large.bin', Buffer.alloc(20_000_000, 7));
    const { code, screen } = await onTerminal(
      [
        'send',
        '-f',
        'a@example.org',
        ...to,
        '-m',
        'x',
        '-A',
        path,
        '--smtp-host',
        `127.0.0.1:${server.port}`,
        '--color=never',
      ],
      { onScreen: (seen) => /sending .*\d+% of 2\d\.\d MB/.test(seen) && release() },
    );
    expect(code).toBe(0);
    expect(screen).toMatch(/sending [█░]+ \d+% of 2\d\.\d MB/);
    expect(screen).toMatch(/\u001b\[\?25h[^█]*sent </);
  });
});

describe('send, interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s: %d, and says so', async (signal, exit) => {
    await using server = await smtpServer({ DATA: SILENCE });
    const { code, stderr } = await mailtool(
      ['send', '-vv', '-f', 'a@example.org', ...to, '-m', 'x', '--smtp-host', `127.0.0.1:${server.port}`],
      { onStderr: (text, kill) => text.includes('C: DATA') && kill(signal) },
    );
    expect(code).toBe(exit);
    expect(stderr).toMatch(new RegExp(`mailtool: error: interrupted by ${signal}\\n$`));
  });

  it('after the final dot: 79', async () => {
    await using server = await smtpServer({ '.': SILENCE });
    const { code } = await mailtool(
      ['send', '-vv', '-f', 'a@example.org', ...to, '-m', 'x', '--smtp-host', `127.0.0.1:${server.port}`],
      { onStderr: (text, kill) => text.includes('the dot that ends it') && kill('SIGTERM') },
    );
    expect(code).toBe(79);
  });
});

describe('--log-file', () => {
  const log = () => join(dir, 'session.log');
  afterEach(() => rmSync(log(), { force: true }));

  it('gets the transcript of each run, for the owner alone, without secrets', async () => {
    for (const mechanism of ['plain', 'login', 'cram-md5']) {
      const { code, stderr } = await send([
        ...to,
        '-m',
        'x',
        '--log-file',
        log(),
        '--smtp-auth',
        mechanism,
        '-vv',
      ]);
      expect(code).toBe(0);
      const text = readFileSync(log(), 'utf8');
      for (const seen of [text, stderr]) {
        expect(seen).not.toContain(sandbox.password);
        expect(seen).not.toContain(Buffer.from(sandbox.password).toString('base64').slice(0, -3));
        expect(seen).not.toContain(Buffer.from(`\0me@example.org\0${sandbox.password}`).toString('base64'));
        expect(seen).toMatch(/tls C: (?:AUTH|\[redacted)/);
      }
    }
    const text = readFileSync(log(), 'utf8');
    expect(text.match(/^\d{4}-\d\d-\d\dT.*Z mailtool send$/gm)).toHaveLength(3);
    expect(statSync(log()).mode & 0o777).toBe(0o600);
  });

  it('that cannot be opened stops the run before it connects: 73', async () => {
    const { code, stderr } = await send([...to, '-m', 'x', '--log-file', '/nonexistent/log']);
    expect(code).toBe(73);
    expect(stderr).toMatch(/^mailtool: error: cannot open the log file.*\nhint: .*--log-file/);
    expect(sandbox.messages()).toEqual([]);
  });

  it('on a full disk does not stop the mail', async () => {
    const { code, stderr } = await send([...to, '-m', 'x', '--log-file', '/dev/full']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^mailtool: warning: cannot write the log file: ENOSPC.*\n$/);
    expect(sandbox.messages()).toHaveLength(1);
  });
});
