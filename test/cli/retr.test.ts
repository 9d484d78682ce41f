import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialogue } from '../dialogue.ts';
import { against, BYE, maildrop, settings, several } from './maildrop.ts';
import { BIN, cleanEnv } from './mailtool.ts';
import { onTerminal } from './pseudo-terminal.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const ONE = 'Subject: one\r\n\r\n.dot\r\nFrom here\r\n';
const asked = (...numbers: number[]) => numbers.map((number) => `C: RETR ${number}`).join('\n');
const one = `S: +OK
S: Subject: one
S:
S: ..dot
S: From here
S: .`;
const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');

describe('to standard output', () => {
  test.each([undefined, 1])('the exact octets, in chunks of %s', async (chunk) => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(1), { uidl: false })}\n${asked(1)}\n${one}\n${BYE}`,
      ['retr', '1'],
      chunk === undefined ? {} : { chunk },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: ONE, stderr: '' });
  });

  test('with LF, or as an mbox', async () => {
    const server = `${maildrop(several(1), { uidl: false })}\n${asked(1)}\n${one}\n${BYE}`;
    expect((await against(server, ['retr', '1', '--lf'])).stdout).toBe(ONE.replaceAll('\r', ''));
    const { stdout } = await against(server, ['retr', '1', '--mbox']);
    expect(stdout).toMatch(
      /^From MAILER-DAEMON \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nSubject: one\n\n\.dot\n>From here\n\n$/,
    );
  });

  test('in the document, with --json', async () => {
    const { stdout } = await against(`${maildrop(several(1))}\n${asked(1)}\n${one}\n${BYE}`, [
      'retr',
      'last',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toEqual({
      schema: 'mailtool.retr/1',
      ok: true,
      messages: [
        {
          number: 1,
          uid: 'uid-1',
          size: ONE.length,
          sha256: sha256(ONE),
          path: null,
          raw: { base64: Buffer.from(ONE).toString('base64') },
        },
      ],
      warnings: [],
      error: null,
    });
  });

  test('several messages need a place each', async () => {
    const { code, stderr, stdout } = await against(`${maildrop(several(2), { uidl: false })}\n*: end`, [
      'retr',
      'all',
    ]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain('-o DIR/');
  });

  test('a terminal gets the controls made visible', async () => {
    const { screen, code } = await dialogue(
      `${maildrop(several(1), { uidl: false })}
      ${asked(1)}
      S: +OK
      S: Subject: \\x1b]0;owned\\x07
      S:
      S: \\x9b31m caf\xc3\xa9
      S: .
      ${BYE}`.replace('caf\xc3\xa9', 'café'),
      {},
      (port) => onTerminal(['retr', '1'], { env: settings(port) }),
    );
    expect(code).toBe(0);
    expect(screen).toContain('Subject: ^[]0;owned^G');
    expect(screen).toContain('café');
    expect(screen).not.toContain('\u001b');
    expect(screen).not.toContain('\u009b');
  });
});

describe('to files', () => {
  test('one file, whole, private, never over another', async () => {
    const path = join(dir, 'a.eml');
    const server = `${maildrop(several(1), { uidl: false })}\n${asked(1)}\n${one}\n${BYE}`;
    const { code, stdout, stderr } = await against(server, ['retr', '1', '-o', path]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(path, 'latin1')).toBe(ONE);
    writeFileSync(path, 'mine');
    const again = await against(`${maildrop(several(1), { uidl: false })}\n*: end`, [
      'retr',
      '1',
      '-o',
      path,
    ]);
    expect(again.code).toBe(73);
    expect(again.stderr).toContain('--force');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect((await against(server, ['retr', '1', '-o', path, '--force'])).code).toBe(0);
    expect(readFileSync(path, 'latin1')).toBe(ONE);
    expect(readdirSync(dir)).toEqual(['a.eml']);
  });

  test('a directory, in a window, and one refusal holds up nothing', async () => {
    const { code, stdout, stderr } = await against(
      `${maildrop(several(3))}
      ${asked(1, 2, 3)}
      ${one}
      S: -ERR [SYS/TEMP] broken
      S: +OK
      S: three
      S: .
      ${BYE}`,
      ['retr', 'all', '-o', 'sub/dir/', '--json'],
      { cwd: dir },
    );
    expect(code, stderr).toBe(75);
    const document = JSON.parse(stdout);
    const names = [`00001-${sha256(ONE).slice(0, 12)}.eml`, `00003-${sha256('three\r\n').slice(0, 12)}.eml`];
    expect(document.messages.map((message: { path: string }) => message.path)).toEqual(
      names.map((name) => join('sub/dir', name)),
    );
    expect(document).toMatchObject({
      ok: false,
      error: { code: 'ETEMP', stage: 'retr', exit: 75, retryable: true },
    });
    expect(readdirSync(join(dir, 'sub/dir'))).toEqual(names);
    expect(readFileSync(join(dir, 'sub/dir', names[0] ?? ''), 'latin1')).toBe(ONE);
  });

  test('all of them as one mbox', async () => {
    const path = join(dir, 'mbox');
    const { code } = await against(
      `${maildrop(several(2), { uidl: false })}\n${asked(1, 2)}\n${one}\n${one}\n${BYE}`,
      ['retr', 'all', '--mbox', '-o', path],
    );
    expect(code).toBe(0);
    expect(readFileSync(path, 'latin1').match(/^From MAILER-DAEMON .*\n/gm)).toHaveLength(2);
  });

  test.each([
    ['the connection breaks', `S: +OK\nS: half of it\n*: close`, 75],
    ['the server refuses', `S: -ERR no`, 69],
    ['the final dot is missing', `S: +OK\nS: all but\nS- .\n*: close`, 75],
  ])('nothing is left where %s', async (_, answer, exit) => {
    const { code, stderr } = await against(
      `${maildrop(several(1), { uidl: false })}\n${asked(1)}\n${answer}`,
      ['retr', '1', '-o', join(dir, 'a.eml')],
    );
    expect(code).toBe(exit);
    expect(stderr).toMatch(/^mailtool: error: /);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a message that is not there makes no directory', async () => {
    const { code, stderr } = await against(
      `${maildrop(several(2), { uidl: false })}\n*: end`,
      ['retr', '3', '-o', 'x/'],
      {
        cwd: dir,
      },
    );
    expect(code).toBe(66);
    expect(stderr).toContain('there is no message 3');
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('what gets in the way', () => {
  const huge = `${maildrop(several(1), { uidl: false })}\n${asked(1)}\nS: +OK\nS: ${'x'.repeat(100_000)}\n`;

  test('a full disk is an error, also for standard output', async () => {
    const { code, stderr } = await dialogue(`${huge}S: .\n*: end`, {}, async (port) => {
      const out = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, [BIN, 'retr', '1'], {
        env: cleanEnv(settings(port)),
        stdio: ['ignore', out, 'pipe'],
      });
      closeSync(out);
      let text = '';
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const [status] = await once(child, 'close');
      return { code: status as number, stderr: text };
    });
    expect(code).toBe(74);
    expect(stderr).toContain('no space left on the device');
    const device = await against(`${huge}S: .\n*: end`, ['retr', '1', '-o', '/dev/full']);
    expect(device.code).toBe(74);
  });

  test('a signal leaves nothing behind', async () => {
    const ran = await against(`${huge}*: silence`, ['retr', '1', '-o', join(dir, 'a.eml'), '-vv'], {
      onStderr: (text, kill) => text.includes('RETR 1') && kill('SIGTERM'),
    });
    expect(ran.code).toBe(143);
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('--delete', () => {
  test('after every file is safe, and true with QUIT', async () => {
    const { code, stdout } = await against(
      `${maildrop(several(2))}
      ${asked(1, 2)}
      ${one}
      ${one}
      C: DELE 1
      C: DELE 2
      S: +OK
      S: +OK
      ${BYE}`,
      ['retr', 'all', '-o', `${dir}/`, '--delete', '--json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, committed: true, deleted: [1, 2] });
    expect(readdirSync(dir)).toHaveLength(2);
  });

  test('what was not stored stays', async () => {
    const { code } = await against(
      `${maildrop(several(2))}
      ${asked(1, 2)}
      S: -ERR broken
      ${one}
      C: DELE 2
      S: +OK
      ${BYE}`,
      ['retr', 'all', '-o', `${dir}/`, '--delete'],
    );
    expect(code).toBe(69);
  });

  test('a lost answer to QUIT is told as such', async () => {
    const { code, stderr } = await against(
      `${maildrop(several(1))}\n${asked(1)}\n${one}\nC: DELE 1\nS: +OK\nC: QUIT\n*: close`,
      ['retr', '1', '-o', join(dir, 'a.eml'), '--delete'],
    );
    expect(code).toBe(79);
    expect(stderr).toContain('not known whether the messages were deleted');
    expect(readdirSync(dir)).toEqual(['a.eml']);
  });

  test('a lost answer to QUIT is not claimed in the document', async () => {
    const { code, stdout } = await against(
      `${maildrop(several(1))}\n${asked(1)}\n${one}\nC: DELE 1\nS: +OK\nC: QUIT\n*: close`,
      ['retr', '1', '-o', join(dir, 'a.eml'), '--delete', '--json'],
    );
    expect(code).toBe(79);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, committed: null, deleted: [1] });
  });

  test('goes on where an earlier run broke off: what is there, and the same, counts as stored', async () => {
    const script = `${maildrop(several(1))}\n${asked(1)}\n${one}`;
    await against(`${script}\n${BYE}`, ['retr', '1', '-o', `${dir}/`, '--json']);
    const [name = ''] = readdirSync(dir);
    const args = ['retr', 'all', '-o', `${dir}/`, '--delete', '--json'];
    expect((await against(`${script}\nC: DELE 1\nS: +OK\n${BYE}`, args)).code).toBe(0);
    expect(readdirSync(dir)).toEqual([name]);
    writeFileSync(join(dir, name), 'something else');
    expect((await against(`${script}\n*: end`, args)).code).toBe(73);
    expect(readFileSync(join(dir, name), 'utf8')).toBe('something else');
  });

  test('is refused without a file', async () => {
    await expect(against('', ['retr', '1', '--delete'])).rejects.toThrow('0 of 1 connections');
  });
});
