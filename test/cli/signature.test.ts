import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { verdicts } from '../mime/dkim/verifier.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import { smtpServer } from './scripted-server.ts';

let sandbox: Sandbox;
const dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
beforeAll(async () => {
  sandbox = await startSandbox();
});
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => sandbox.clear());

const pem = (key: KeyObject) => String(key.export({ format: 'pem', type: 'pkcs8' }));
const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
const ed25519 = pem(generateKeyPairSync('ed25519').privateKey);
const PUBLIC = { 'rsa-sha256': createPublicKey(rsa), 'ed25519-sha256': createPublicKey(ed25519) };
const HOLDS = { bodyHolds: true, headerHolds: true };

function file(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode });
  return path;
}
const key = file('rsa.pem', rsa);
const edKey = file('ed25519.pem', ed25519);

const to = [
  '-f',
  'Ann <ann@mail.example.org>',
  '-t',
  'b@example.org',
  '-s',
  'Hi  there',
  '-m',
  'x \n\n.y\n\n\n',
];
const dkim = ['--dkim-key', key, '--dkim-selector', 's1'];
const send = (args: readonly string[], options: RunOptions = {}) =>
  mailtool(['send', ...args], { ...options, env: { ...sandbox.environment(), ...options.env } });
const quiet = { code: 0, signal: null, stdout: '', stderr: '' };
const received = async () => {
  const [message] = await sandbox.waitFor(1);
  if (message === undefined) throw new Error('nothing was sent');
  return message.read();
};
/** The signatures of the message that arrived. */
const arrived = async () => verdicts(await received(), PUBLIC);

describe('send signs', () => {
  it('with the key of a file, for the domain of From, and says nothing', async () => {
    expect(await send([...to, ...dkim])).toEqual(quiet);
    const [own, ...others] = await arrived();
    expect(own).toMatchObject({
      ...HOLDS,
      tags: { v: '1', a: 'rsa-sha256', c: 'relaxed/relaxed', d: 'mail.example.org', s: 's1' },
    });
    expect(own?.tags['h']).toMatch(/^date:from:to:subject:message-id:.*:from$/);
    expect(others).toEqual([]);
  });

  it('by settings of the environment, for a domain above', async () => {
    const env = {
      MAILTOOL_DKIM_KEY: edKey,
      MAILTOOL_DKIM_SELECTOR: 'e1',
      MAILTOOL_DKIM_DOMAIN: 'example.org',
    };
    expect(await send(to, { env })).toEqual(quiet);
    expect(await arrived()).toMatchObject([
      { ...HOLDS, tags: { a: 'ed25519-sha256', d: 'example.org', s: 'e1' } },
    ]);
  });

  it('twice with two keys in one file', async () => {
    const both = file('both.pem', `${rsa}${ed25519}`);
    expect(await send([...to, '--dkim-key', both, '--dkim-selector', 'r1,e1'])).toEqual(quiet);
    expect(await arrived()).toMatchObject([
      { ...HOLDS, tags: { a: 'rsa-sha256', s: 'r1' } },
      { ...HOLDS, tags: { a: 'ed25519-sha256', s: 'e1' } },
    ]);
  });

  it('attachments and HTML, and tells the exact size', async () => {
    const attachment = file('blob.bin', Buffer.alloc(3_000_000, 'blob'));
    const parts = ['--html', '<p>x</p>', '-A', attachment];
    await using server = await smtpServer();
    expect(
      (await send([...to, ...parts, ...dkim], { env: { MAILTOOL_SMTP_PORT: String(server.port) } })).code,
    ).toBe(0);
    const start = server.lines.indexOf('DATA') + 1;
    const body = server.lines
      .slice(start, server.lines.lastIndexOf('.'))
      .map((line) => line.replace(/^\./, ''));
    const bytes = Buffer.from(body.map((line) => `${line}\r\n`).join(''), 'latin1');
    expect(verdicts(bytes, PUBLIC)).toMatchObject([HOLDS]);
    expect(server.lines.find((line) => line.startsWith('MAIL'))).toContain(` SIZE=${bytes.length}`);

    const { code, stdout } = await send([...to, ...parts, ...dkim, '--json']);
    expect(code).toBe(0);
    expect(await arrived()).toMatchObject([HOLDS]);
    expect(JSON.parse(stdout).size).toBe((await received()).length);
  });

  it('a raw message, without its Bcc, and with line ends as they go out', async () => {
    const raw = 'From: a@example.org\nBcc: c@example.org\nTo: b@example.org\nSubject: é\n\n.x \n\n\n';
    expect(await send(['--raw', '-', ...dkim], { input: raw })).toEqual(quiet);
    expect(await arrived()).toMatchObject([
      { ...HOLDS, tags: { d: 'example.org', h: 'from:to:subject:from' } },
    ]);
    expect((await received()).toString('utf8')).toMatch(
      /From: a@example\.org\r\nTo: b@example\.org\r\nSubject: é\r\n\r\n\.x \r\n/,
    );
  });

  it('text in 7-bit form, which no relay has to change, unless 8bit is asked for', async () => {
    await using server = await smtpServer();
    const env = { MAILTOOL_SMTP_PORT: String(server.port) };
    const dense = [...to, '-m', '您好，请查收。'];
    const encodings = () => server.lines.filter((line) => line.startsWith('Content-Transfer-Encoding'));
    expect(await send(dense, { env })).toEqual(quiet);
    expect(await send([...dense, ...dkim], { env })).toEqual(quiet);
    expect(await send([...dense, ...dkim, '--encoding', 'auto'], { env })).toEqual(quiet);
    expect(await send([...dense, ...dkim, '--encoding', '8bit'], { env })).toEqual(quiet);
    expect(encodings().map((line) => line.split(' ')[1])).toEqual(['8bit', 'base64', 'base64', '8bit']);
  });

  it('what is printed by --dry-run', async () => {
    const { code, stdout } = await send([...to, ...dkim, '-n']);
    expect(code).toBe(0);
    expect(verdicts(Buffer.from(stdout), PUBLIC)).toMatchObject([HOLDS]);
    const { stdout: document } = await send([...to, ...dkim, '-n', '--json', '--message-id', '<1@x.org>']);
    expect(JSON.parse(document)).toMatchObject({ status: 'dry-run', size: expect.any(Number) });
  });

  it('and says so with -v', async () => {
    const { stderr } = await send([...to, ...dkim, '-v']);
    expect(stderr).toMatch(/^mailtool: signed for mail\.example\.org \(rsa-sha256, selector s1\)$/m);
  });

  it('the same in every attempt of --retry-for', async () => {
    const signatures: string[] = [];
    await using server = await smtpServer({
      '.': () => {
        const at = server.lines.lastIndexOf('DATA');
        signatures.push(
          server.lines.slice(at, server.lines.indexOf('From: Ann <ann@mail.example.org>', at)).join(),
        );
        return signatures.length === 1 ? '451 4.7.1 later\r\n' : undefined;
      },
    });
    const env = { MAILTOOL_SMTP_PORT: String(server.port) };
    expect(await send([...to, ...dkim, '--retry-for', '30s'], { env })).toEqual(quiet);
    expect(signatures[0]).toContain('DKIM-Signature: v=1; a=rsa-sha256;');
    expect(signatures).toEqual([signatures[0], signatures[0]]);
  });

  it('for a foreign domain with a warning', async () => {
    const { code, stderr } = await send([...to, ...dkim, '--dkim-domain', 'example.net']);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^mailtool: warning: .* example\.net .* mail\.example\.org: .*DMARC does not count it$/m,
    );
    expect(await arrived()).toMatchObject([{ ...HOLDS, tags: { d: 'example.net' } }]);
  });

  it.each(['mail.example.org', 'example.org', 'MAIL.example.ORG', 'news.mail.example.org'])(
    'for %s without one',
    async (domain) => expect(await send([...to, ...dkim, '--dkim-domain', domain])).toEqual(quiet),
  );

  it('with a key that others may read, and warns of it', async () => {
    const loose = file('loose.pem', rsa, 0o644);
    expect(statSync(loose).mode & 0o777).toBe(0o644);
    const { code, stderr } = await send([...to, '--dkim-key', loose, '--dkim-selector', 's1']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^mailtool: warning: flag --dkim-key: other users may read .*chmod 600/m);
    expect(await arrived()).toMatchObject([HOLDS]);
  });
});

describe('what cannot be signed is not sent', () => {
  const bad = (text: string) => file('bad.pem', text);
  const publicKey = () => String(PUBLIC['rsa-sha256'].export({ format: 'pem', type: 'spki' }));
  const weak = () => pem(generateKeyPairSync('rsa', { modulusLength: 1000 }).privateKey);
  const curve = () => pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  it.each<[string, () => string[], number, RegExp]>([
    [
      'no key file',
      () => ['--dkim-key', join(dir, 'none'), '--dkim-selector', 's'],
      78,
      /there is no such file/,
    ],
    ['a folder', () => ['--dkim-key', dir, '--dkim-selector', 's'], 78, /it is a directory/],
    ['no PEM', () => ['--dkim-key', bad('x'), '--dkim-selector', 's'], 78, /has no private key in PEM form/],
    [
      'a public key',
      () => ['--dkim-key', bad(publicKey()), '--dkim-selector', 's'],
      78,
      /has no private key/,
    ],
    [
      'a damaged key',
      () => ['--dkim-key', bad(rsa.replace('MII', 'M!!')), '--dkim-selector', 's'],
      78,
      /cannot be read as a private key/,
    ],
    [
      'a key of 1,000 bits',
      () => ['--dkim-key', bad(weak()), '--dkim-selector', 's'],
      78,
      /flag --dkim-key: .* 1000 bits/,
    ],
    ['a key on another curve', () => ['--dkim-key', bad(curve()), '--dkim-selector', 's'], 78, /kind ec/],
    ['no selector', () => ['--dkim-key', key], 78, /flag --dkim-key\), but no selector/],
    ['no key', () => ['--dkim-selector', 's'], 78, /flag --dkim-selector\), but no key/],
    ['a domain alone', () => ['--dkim-domain', 'example.org'], 78, /flag --dkim-domain\), but no key/],
    [
      'a selector too many',
      () => ['--dkim-key', key, '--dkim-selector', 'a,b'],
      78,
      /1 private key, and there are 2 selectors/,
    ],
    [
      'a key too many',
      () => ['--dkim-key', bad(rsa + ed25519), '--dkim-selector', 'a'],
      78,
      /2 private keys, and there is 1 selector /,
    ],
    ['a bad selector', () => ['--dkim-key', key, '--dkim-selector', 'a b'], 64, /not a DKIM selector/],
    [
      'a selector with a line break',
      () => ['--dkim-key', key, '--dkim-selector', 's\r\nX: y'],
      64,
      /not a DKIM selector/,
    ],
    ['a bad domain', () => [...dkim, '--dkim-domain', 'nowhere'], 64, /not a domain/],
    [
      'names too long together',
      () => [
        '--dkim-key',
        key,
        '--dkim-selector',
        `${'a.'.repeat(110)}a`,
        '--dkim-domain',
        `${'b.'.repeat(20)}org`,
      ],
      64,
      /not a domain to sign for/,
    ],
    [
      'a binary message',
      () => [...dkim, '--encoding', 'binary', '--chunking'],
      64,
      /binary cannot go with a DKIM signature/,
    ],
    ['no domain in From', () => [...dkim, '-f', 'root@localhost'], 65, /From has no domain to sign for/],
  ])('%s', async (_, args, exit, text) => {
    const { code, stdout, stderr } = await send([...to, ...args()]);
    expect(stderr).toMatch(text);
    expect(stderr).not.toContain('PRIVATE');
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(sandbox.messages()).toEqual([]);
  });

  it.each([
    ['without From', 'To: b@example.org\n\nx\n', 'no From field'],
    [
      'with two From fields',
      'From: a@b.example\nFrom: c@d.example\nTo: b@example.org\n\nx\n',
      '2 From fields',
    ],
  ])('a raw message %s: 65', async (_, input, text) => {
    const { code, stderr } = await send(['--raw', '-', ...dkim, '-f', 'a@example.org'], { input });
    expect(code).toBe(65);
    expect(stderr).toContain(text);
    expect(sandbox.messages()).toEqual([]);
  });

  it('a bad setting of the environment is 78', async () => {
    const env = { MAILTOOL_DKIM_KEY: key, MAILTOOL_DKIM_SELECTOR: 'a b' };
    const { code, stderr } = await send(to, { env });
    expect(code).toBe(78);
    expect(stderr).toContain('environment MAILTOOL_DKIM_SELECTOR');
  });

  it('a key that a ./.env names which was only found: 78; with --env-file it signs', async () => {
    const cwd = join(dir, 'cloned');
    mkdirSync(cwd);
    writeFileSync(join(cwd, '.env'), `MAILTOOL_DKIM_KEY=${key}\nMAILTOOL_DKIM_SELECTOR=s1\n`);
    const { code, stderr } = await send(to, { cwd });
    expect(code).toBe(78);
    expect(stderr).toMatch(/MAILTOOL_DKIM_KEY \(\.\/\.env:1\) is refused/);
    expect(sandbox.messages()).toEqual([]);
    expect(await send([...to, '--env-file', './.env'], { cwd })).toEqual(quiet);
    expect(await arrived()).toMatchObject([HOLDS]);
  });

  it('an attachment that changes between its two readings, its size and time aside: 65, and no dot', async () => {
    const attachment = file('log', Buffer.alloc(2_000_000, 'a'));
    const { atime, mtime } = statSync(attachment);
    await using server = await smtpServer({
      // After the first reading, whenever that is, and before the second.
      MAIL: () => {
        writeFileSync(attachment, Buffer.alloc(2_000_000, 'b'));
        utimesSync(attachment, atime, mtime);
        return undefined;
      },
    });
    const env = { MAILTOOL_SMTP_PORT: String(server.port) };
    const { code, stderr } = await send([...to, '-A', attachment, ...dkim], { env });
    expect(stderr).toContain('the message changed after it was signed');
    expect(code).toBe(65);
    expect(server.lines).toContain('DATA');
    expect(server.lines).not.toContain('.');
  });
});
