import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { mailtool } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';
import { deliver, message, waited } from './waiting.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const HTML =
  '<p>Welcome.</p><a href="https://shop.test/logo">Shop</a> <a href="https://shop.test/confirm?a=1&amp;b=2">Confirm</a>';

describe('what is printed', () => {
  const mails = [
    { subject: 'other', text: 'no' },
    { subject: 'Confirm =?utf-8?q?=C3=84?=', html: HTML },
  ];
  test.each([
    [['--link', 'confirm'], 'https://shop.test/confirm?a=1&b=2\n'],
    [['--link', 'Confirm', '--print', 'link'], 'https://shop.test/confirm?a=1&b=2\n'],
    [['--link', '/^https:.*b=2$/'], 'https://shop.test/confirm?a=1&b=2\n'],
    [['--print', 'link'], 'https://shop.test/logo\n'],
    [['--print', 'subject'], 'Confirm Ä\n'],
  ])('%j', async (args, expected) => {
    const { code, stdout } = await waited(['--subject', 'Confirm', '--timeout', '20s', ...args], { mails });
    expect(stdout).toBe(expected);
    expect(code).toBe(0);
  });

  test('the text, when nothing else is asked for; the octets by --print raw', async () => {
    const mail = { text: 'Your code:\n123456' };
    const plain = await waited(['--existing', '--timeout', '20s'], { before: [mail] });
    expect(plain.stdout).toBe('Your code:\n123456\n');
    const raw = await waited(['--existing', '--print', 'raw'], { before: [mail] });
    expect(raw.stdout.endsWith(message(mail))).toBe(true);
  });

  test.each([
    [[], 'Order 1234567, call 555-123456, https://x.test/654321 and your code: 424242.', '424242\n'],
    [[], 'G-123456 is your code', '123456\n'],
    [['--code', String.raw`code is (\w+)`], 'The code is AB12, see 123456', 'AB12\n'],
    [['--code', String.raw`/CODE IS (\w+)/i`], 'The code is AB12', 'AB12\n'],
  ])('a code %j out of %j', async (args, text, expected) => {
    const { stdout, said } = await waited(['--existing', '--print', 'code', ...args], { before: [{ text }] });
    expect(stdout).toBe(expected);
    expect(said).toBe('');
  });

  test('a code out of the subject, when the text has none', async () => {
    const before = [{ subject: '123456 is your code', text: 'Hi.' }];
    expect((await waited(['--existing', '--print', 'code'], { before })).stdout).toBe('123456\n');
  });

  test('of two codes the first, with a warning; of one that is there twice no warning', async () => {
    const two = await waited(['--existing', '--print', 'code'], { before: [{ text: '111111 or 222222' }] });
    expect(two).toMatchObject({ code: 0, stdout: '111111\n' });
    expect(two.said).toMatch(/warning: the message has 2 such codes, and the first is taken/);
    const twice = await waited(['--existing', '--print', 'code'], { before: [{ text: '111111 111111' }] });
    expect(twice.said).toBe('');
  });

  test('a message without a link is passed over for one that has it', async () => {
    const mails = [{ text: 'Welcome.' }, { text: 'Go to https://x.test/c?d' }];
    const { stdout } = await waited(['--from', 'shop@', '--print', 'link', '--timeout', '20s'], { mails });
    expect(stdout).toBe('https://x.test/c?d\n');
  });

  test('one line without controls, whatever the subject is', async () => {
    const subject = '=?utf-8?q?a=0Ab=0Dc=1B[31md=E2=80=A8e=E2=80=AEf=C2=85g?=';
    const { stdout } = await waited(['--existing', '--print', 'subject'], { before: [{ subject }] });
    expect(stdout).toBe('a b c^[[31md e<U+202E>f g\n');
  });

  test('a terminal obeys nothing of a text; a pipe gets it as it is', async () => {
    const before = [{ text: 'a\u001b]0;owned\u0007b\u202Ec' }];
    expect((await waited(['--existing'], { before })).stdout).toBe(`${before[0]?.text}\n`);
    await using sandbox = await startSandbox();
    await deliver(sandbox.environment(), { text: before[0]?.text ?? '' });
    const { screen } = await onTerminal(['wait', '--existing'], { env: sandbox.environment() });
    expect(screen).toContain('a^[]0;owned^Gb<U+202E>c');
  });

  test('a link with nothing in it that ends a line, hides text or is a command', async () => {
    const html = '<a href="https://x.test/a&#10;&#27;[31m b\u202E&quot;##[add-path]x">x</a>';
    const { stdout } = await waited(['--existing', '--print', 'link'], { before: [{ html }] });
    expect(stdout).toMatch(/^https:\/\/x\.test\/[!-~]+\n$/);
    expect(stdout).not.toContain('##[');
  });

  test('--json has the message, its link and its code, and nothing else is on standard output', async () => {
    const html = `${HTML} 123456`;
    const { code, stdout } = await waited(['--json', '--existing', '--link', 'confirm'], {
      before: [{ html }],
    });
    const { matched, ...rest } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(rest).toMatchObject({
      schema: 'mailtool.wait/1',
      ok: true,
      link: 'https://shop.test/confirm?a=1&b=2',
      code: '123456',
      polls: 1,
      waitedMs: expect.any(Number),
      error: null,
    });
    expect(Object.keys(matched[0])).toEqual(
      'number uid size headers from to cc replyTo date subject messageId inReplyTo references text textSource links attachments warnings'.split(
        ' ',
      ),
    );
    expect(matched[0]).toMatchObject({
      subject: 'Confirm',
      from: [{ name: '', address: 'shop@example.org' }],
    });
  });
});

describe('which messages count', () => {
  test('not what was there before: exit 1 at the deadline, with one line', async () => {
    const before = [{ text: '123456' }];
    const { code, stdout, said, left } = await waited(['--print', 'code', '--timeout', '1s'], { before });
    expect({ code, stdout, left }).toEqual({ code: 1, stdout: '', left: 1 });
    expect(said).toMatch(/^mailtool: no message came within 1s \(looked \d+ times\)\n$/);
  });

  test('what is not in a snapshot that was taken before', async () => {
    await using sandbox = await startSandbox();
    const env = sandbox.environment();
    const file = join(folder, 'before');
    await deliver(env, { subject: 'old' });
    expect(await mailtool(['wait', '--snapshot', file], { env })).toMatchObject({ code: 0, stdout: '' });
    const since = ['wait', '--since-snapshot', file, '--print', 'subject', '--timeout'];
    expect((await mailtool([...since, '1s'], { env })).code).toBe(1);
    await deliver(env, { subject: 'new' });
    expect(await mailtool([...since, '20s'], { env })).toMatchObject({ code: 0, stdout: 'new\n' });
    // Taken once more, it takes the place of the first.
    expect((await mailtool(['wait', '--snapshot', file], { env })).code).toBe(0);
    expect((await mailtool([...since, '1s'], { env })).code).toBe(1);
    const other = await mailtool([...since, '1s', '--pop3-user', 'other'], { env });
    expect(other).toMatchObject({ code: 65 });
    expect(other.stderr).toContain('of another maildrop');
  });

  test('a file that is no snapshot is neither read as one nor written over', async () => {
    await using sandbox = await startSandbox();
    const env = sandbox.environment();
    const file = join(folder, 'mine');
    writeFileSync(file, 'mine');
    expect((await mailtool(['wait', '--snapshot', file], { env })).code).toBe(73);
    expect((await mailtool(['wait', '--since-snapshot', file], { env })).code).toBe(65);
    expect((await mailtool(['wait', '--since-snapshot', `${file}-2`], { env })).code).toBe(66);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test.each([
    [['--body', 'needle'], 'in the text'],
    [['--body', '/NEEDLE\\d/i'], 'in the text'],
    [['--to', 'bob@'], 'for bob'],
    [['--header', 'X-Kind: b'], 'kind b'],
    [['--larger', '10K'], 'large'],
  ])('%j', async (args, subject) => {
    const before = [
      { subject: 'none' },
      { subject: 'in the text', text: 'a needle2' },
      { subject: 'for bob', to: 'bob@example.org' },
      { subject: 'kind b', fields: 'X-Kind: b\r\n' },
      { subject: 'large', text: 'x\n'.repeat(10_000) },
    ];
    const { code, stdout } = await waited(['--existing', '--print', 'subject', ...args], { before });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${subject}\n` });
  });

  test('-N: as many as were asked for; a JSON line each, and the document', async () => {
    const mails = [{ subject: 'one' }, { subject: 'two' }];
    const plain = await waited(['-N', '2', '--print', 'subject', '--timeout', '20s'], { mails });
    expect(plain).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
    const { stdout } = await waited(['-N', '2', '--json', '--existing'], { before: mails });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event, matched }) => event ?? matched.length)).toEqual(['matched', 'matched', 2]);
    const short = await waited(['-N', '3', '--existing', '--timeout', '1s', '--print', 'uid'], {
      before: mails,
    });
    expect(short.code).toBe(1);
    expect(short.said).toContain('2 of 3 messages came within 1s');
  });

  test('--none: 0 when nothing matched until the end, 1 when something did', async () => {
    const mails = [{ subject: 'hello' }];
    const quiet = await waited(['--none', '--subject', 'bye', '--timeout', '2s'], { mails });
    expect(quiet).toMatchObject({ code: 0, stdout: '', said: '' });
    const loud = await waited(['--none', '--subject', 'hello', '--timeout', '20s'], { mails });
    expect(loud).toMatchObject({ code: 1, stdout: '' });
    expect(loud.said).toMatch(/^mailtool: a message matches: \S+\n$/);
  });

  test('a regular expression that never ends on a message costs that message, not the wait', async () => {
    const before = [{ text: `${'a'.repeat(100)}!` }, { text: 'b' }];
    const { code, stdout, said } = await waited(
      ['--existing', '--body', '/^(a+)+$|^b/', '--timeout', '30s'],
      {
        before,
      },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'b\n' });
    expect(said).toContain('does not come to an end');
  }, 30_000);

  test('nor does it hold up the deadline', async () => {
    const before = [{ subject: `${'a'.repeat(100)}!` }];
    const { code } = await waited(['--existing', '--subject', '/^(a+)+$/', '--timeout', '1s'], { before });
    expect(code).toBe(1);
  });
});

describe('--save and --delete', () => {
  test('the octets are in the file, and then what matched is gone, and nothing else', async () => {
    const file = join(folder, 'mail.eml');
    const mail = { subject: 'this', text: '.dot\nÄ' };
    const args = ['--existing', '--subject', 'this', '--save', file, '--delete', '--print', 'subject'];
    const { code, left } = await waited(args, { before: [{ subject: 'other' }, mail] });
    expect({ code, left }).toEqual({ code: 0, left: 1 });
    expect(readFileSync(file, 'utf8').endsWith(message(mail))).toBe(true);
    expect(readdirSync(folder)).toEqual(['mail.eml']);
  });

  test('a file that is there is not written over, and nothing is waited for or deleted', async () => {
    const file = join(folder, 'mail.eml');
    writeFileSync(file, 'mine');
    const { code, left } = await waited(['--existing', '--save', file, '--delete'], { before: [{}] });
    expect({ code, left }).toEqual({ code: 64, left: 1 });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('several go into a directory', async () => {
    const args = ['--existing', '-N', '2', '--save', `${folder}/in/`, '--print', 'uid', '--delete'];
    expect(await waited(args, { before: [{}, {}] })).toMatchObject({ code: 0, left: 0 });
    expect(readdirSync(join(folder, 'in'))).toHaveLength(2);
    expect((await waited(['-N', '2', '--save', join(folder, 'file')])).code).toBe(64);
  });

  test('a lost answer to the QUIT that deletes: 79', async () => {
    const { code, stdout } = await waited(['--existing', '--json', '--delete'], {
      before: [{}],
      faults: ['pop3.quit:lose'],
    });
    expect(code).toBe(79);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, committed: null, deleted: [expect.any(String)] });
  });

  test('not with --read-only', async () => {
    expect(await waited(['--delete', '--read-only'])).toMatchObject({ code: 64, polls: 0 });
  });
});

describe('the command line', () => {
  test.each([
    [['--timeout', 'soon'], 64],
    [['--interval', '0s'], 64],
    [['-N', '0'], 64],
    [['--none', '--delete'], 64],
    [['--snapshot', 'x', '--from', 'y'], 64],
    [['--existing', '--since-snapshot', 'x'], 64],
    [['--code', '('], 64],
    [['--link', '/(/'], 64],
    [['--body', ''], 64],
    [['--print', 'everything'], 64],
    [['--dotenv-key', 'X'], 64],
    [['--dotenv', 'f', '--dotenv-key', 'X-Y'], 64],
    [['--gh-output', 'x'], 78],
    [['extra'], 64],
  ])('%j: %d, and no look at a maildrop', async (args, expected) => {
    expect(await waited(args)).toMatchObject({ code: expected, stdout: '', polls: 0 });
  });

  test('a link or a code is not taken out of whatever mail comes to another machine', async () => {
    const env = {
      MAILTOOL_POP3_HOST: 'pop.invalid',
      MAILTOOL_POP3_USER: 'u',
      MAILTOOL_POP3_PASSWORD: 'secret-word',
    };
    const run = (...args: string[]) =>
      mailtool(['wait', '--print', 'code', '--timeout', '1s', ...args], { env });
    const refused = await run();
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain('--from, --to or --subject');
    expect((await run('--from', 'shop@')).code).not.toBe(64);
    expect((await run('--any-sender')).code).not.toBe(64);
  });

  test('--timeout is the time to wait; the silence of the server is --idle-timeout', async () => {
    const { code, stderr } = await mailtool(['wait', '--idle-timeout', 'x']);
    expect(code).toBe(64);
    expect(stderr).toContain('flag --idle-timeout');
    const { polls, code: exit } = await waited(['--idle-timeout', '1s', '--timeout', '4s'], {
      faults: ['pop3.greeting:stall@1'],
      env: {},
    });
    expect(exit).toBe(1);
    expect(polls).toBeGreaterThan(1);
  });
});
