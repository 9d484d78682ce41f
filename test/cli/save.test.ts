import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nameByType, numberedName, safeName } from '../../src/cli/save/file-name.ts';
import { patternOf } from '../../src/cli/save/pattern.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { eventually } from '../eventually.ts';
import { smallDisk, whyNoSmallDisks } from '../interop/small-disk.ts';
import { BIN, cleanEnv, mailtool } from './mailtool.ts';
import { CONTROLS, FIELDS, HOSTILE, message, PNG, type TestPart } from './messages.ts';
import { onTerminal } from './pseudo-terminal.ts';

let dir: string;
let out: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'mailtool-test-')));
  out = join(dir, 'out');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function file(content: string, name = 'a.eml'): string {
  const path = join(dir, name);
  writeFileSync(path, content, 'latin1');
  return path;
}
const save = (content: string, ...args: string[]) =>
  mailtool(['save', '--file', file(content), '-d', out, ...args]);
const attached = (...names: string[]) =>
  message(FIELDS, { type: 'text/plain', content: 'text' }, ...names.map((filename) => named(filename)));
const named = (filename: string, content = filename): TestPart => ({
  type: 'application/octet-stream',
  filename,
  content,
});
const TEXT: TestPart = { type: 'text/plain', content: 'text' };

/** Everything below the folder of the test but what a test puts there by itself. */
function everything(): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path !== 'a.eml' && lstatSync(join(dir, path)).isFile())
    .sort();
}

describe('names', () => {
  test.each([
    ['../../x', 'x'],
    ['../../../etc/passwd', 'passwd'],
    ['/etc/shadow', 'shadow'],
    ['C:\\x', 'x'],
    ['C:x', 'C_x'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['\\\\host\\share\\x.txt', 'x.txt'],
    ['.bashrc', 'bashrc'],
    ['...', ''],
    ['..', ''],
    ['-rf', 'rf'],
    ['- .-x', 'x'],
    ['a\0b.txt', 'ab.txt'],
    ['a\r\nb.txt', 'ab.txt'],
    ['con.txt', '_con.txt'],
    ['aux', '_aux'],
    ['NUL .txt', '_NUL .txt'],
    ['COM1', '_COM1'],
    ['lpt\u00b2.x', '_lpt\u00b2.x'],
    ['con\u200b.txt', '_con.txt'],
    ['console.txt', 'console.txt'],
    ['file.txt:stream', 'file.txt_stream'],
    ['trailing. . ', 'trailing'],
    ['invoice\u202egpj.exe', 'invoicegpj.exe'],
    ['a/', ''],
    ['\u3000x\u00a0', 'x'],
    ['Grüße & Küsse (2).pdf', 'Grüße & Küsse (2).pdf'],
    ['👨‍👩‍👧.png', '👨‍👩‍👧.png'],
    ['*?"<>|.x', '______.x'],
  ])('%j becomes %j', (name, safe) => {
    expect(safeName(name)).toBe(safe);
  });

  test('are cut to 255 octets, and keep their ending', () => {
    for (const name of [`${'a'.repeat(300)}.pdf`, `${'ü'.repeat(300)}.pdf`, `${'😀'.repeat(300)}.pdf`]) {
      const safe = safeName(name);
      expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255);
      expect(Buffer.byteLength(safe)).toBeGreaterThan(250);
      expect(safe).toMatch(/[aü😀]\.pdf$/u);
      expect(Buffer.byteLength(numberedName(safe, 1234))).toBeLessThanOrEqual(255);
      expect(numberedName(safe, 1234)).toMatch(/-1234\.pdf$/);
    }
    expect(Buffer.byteLength(safeName(`a.${'b'.repeat(300)}`))).toBe(255);
  });

  test('whatever a message says: one component, no controls, nothing hidden', () => {
    const unit = fc.oneof(
      fc.constantFrom('/', '\\', '.', '-', ' ', ':', '\0', '\n', '\u202e', 'con', 'a', '\ud800', 'é'),
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 400 }), (pieces) => {
        const name = safeName(pieces.join(''));
        expect(name).not.toMatch(/[/\\\p{Cc}\u200b\u202a-\u202e\u2066-\u2069\p{Cs}]|^[.\- ]|[. ]$/u);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        expect(safeName(name)).toBe(name);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of a part without one', () => {
    expect(nameByType('2.1', 'pdf')).toBe('part-2.1.pdf');
    expect(nameByType('2', null)).toBe('part-2');
    expect(nameByType('2', '../x')).toBe('part-2');
  });
});

describe('patterns', () => {
  test.each([
    ['*.pdf', 'A.PDF', true],
    ['*.pdf', 'a.pdf.exe', false],
    ['image/*', 'image/png', true],
    ['image/*', 'application/image', false],
    ['report', 'My Report.doc', true],
    ['r?port*', 'report-1', true],
    ['r?port', 'rport', false],
    ['/^inv\\d+/i', 'INV12.pdf', true],
    ['**a*b', 'xxaxxb', true],
  ])('%s and %s: %s', (pattern, name, matches) => {
    expect(patternOf('--match', pattern)(name)).toBe(matches);
  });
});

describe('save', () => {
  test('attachments, and a path for each; private', async () => {
    const parts = [TEXT, { type: 'application/pdf', filename: 'report.pdf', content: '%PDF' }];
    const { code, stdout, stderr } = await save(message(FIELDS, ...parts));
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${out}/report.pdf\n`, stderr: '' });
    expect(readFileSync(join(out, 'report.pdf'), 'utf8')).toBe('%PDF');
    expect(statSync(join(out, 'report.pdf')).mode & 0o777).toBe(0o600);
    expect(everything()).toEqual(['out/report.pdf']);
  });

  test('the manifest', async () => {
    const { stdout } = await save(attached('../../a.txt'), '--json');
    expect(JSON.parse(stdout)).toEqual({
      schema: 'mailtool.save/1',
      ok: true,
      saved: [
        {
          number: 1,
          uid: null,
          part: '2',
          filename: '../../a.txt',
          path: join(out, 'a.txt'),
          type: 'application/octet-stream',
          size: 11,
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      ],
      warnings: [],
      error: null,
    });
  });

  test('no name leads out of the folder, hides, or means something else', async () => {
    const names = [
      '../../x',
      'C:\\x',
      '.bashrc',
      '-rf',
      'a\0b',
      'n'.repeat(300),
      'con.txt',
      'aux',
      '/etc/passwd',
      '..',
      HOSTILE,
    ];
    const { code, stdout } = await save(attached(...names));
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').length).toBe(names.length);
    expect(stdout).not.toMatch(CONTROLS);
    const saved = everything();
    expect(saved.length).toBe(names.length);
    for (const path of saved) expect(dirname(path)).toBe('out');
    expect(saved).toEqual(
      expect.arrayContaining([
        'out/x',
        'out/x-2',
        'out/bashrc',
        'out/rf',
        'out/ab',
        'out/_con.txt',
        'out/_aux',
        'out/passwd',
        'out/part-11.bin',
      ]),
    );
  });

  test('nothing is overwritten: a taken name gets a number', async () => {
    mkdirSync(out);
    writeFileSync(join(out, 'a.txt'), 'mine');
    const { stdout } = await save(message(FIELDS, TEXT, named('a.txt', 'one'), named('a.txt', 'two')));
    expect(stdout).toBe(`${out}/a-2.txt\n${out}/a-3.txt\n`);
    expect(['a.txt', 'a-2.txt', 'a-3.txt'].map((name) => readFileSync(join(out, name), 'utf8'))).toEqual([
      'mine',
      'one',
      'two',
    ]);
  });

  test('--reuse: what is there with the same content is not saved again', async () => {
    const twice = message(FIELDS, TEXT, named('a.txt', 'one'), named('a.txt', 'two'));
    const first = await save(twice, '--reuse');
    expect((await save(twice, '--reuse')).stdout).toBe(first.stdout);
    expect(everything()).toEqual(['out/a-2.txt', 'out/a.txt']);
  });

  test('a link that waits in the folder is not followed', async () => {
    mkdirSync(out);
    writeFileSync(join(dir, 'victim'), 'whole');
    symlinkSync(join(dir, 'victim'), join(out, 'a.txt'));
    symlinkSync(join(dir, 'nothing'), join(out, 'b.txt'));
    const { stdout } = await save(attached('a.txt', 'b.txt'), '--reuse');
    expect(stdout).toBe(`${out}/a-2.txt\n${out}/b-2.txt\n`);
    expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('whole');
    expect(everything()).toEqual(['out/a-2.txt', 'out/b-2.txt', 'victim']);
  });

  test('where there is no folder to save in', async () => {
    writeFileSync(out, '');
    expect((await save(attached('a.txt'))).code).toBe(73);
  });

  test('names that only differ by case or by the form of a letter are two files anywhere', async () => {
    const { stdout } = await save(attached('A.txt', 'a.txt', 'caf\u00e9.txt', 'cafe\u0301.txt', 'b/a.txt'));
    expect(stdout.trim().split('\n')).toEqual(
      ['A.txt', 'a.txt', 'caf\u00e9.txt', 'caf\u00e9-2.txt', 'a-2.txt'].map((name) => join(out, name)),
    );
    // Where case does not count `link` finds the first name taken, too, as it does for this one.
    expect(everything()).toHaveLength(5);
  });

  test('a link to a folder is a way to it; one that leads nowhere is none', async () => {
    mkdirSync(join(dir, 'real'));
    symlinkSync(join(dir, 'real'), out);
    expect((await save(attached('a.txt'))).stdout).toBe(`${out}/a.txt\n`);
    expect(readdirSync(join(dir, 'real'))).toEqual(['a.txt']);
    rmSync(out);
    symlinkSync(join(dir, 'nothing'), out);
    expect(await save(attached('b.txt'))).toMatchObject({ code: 73, stdout: '' });
    expect(everything()).toEqual(['real/a.txt']);
  });

  test.skipIf(whyNoSmallDisks() !== undefined)(
    'a disk that is full: nothing is left of the file',
    async () => {
      using disk = smallDisk(256);
      const path = file(message(FIELDS, named('a', 'small'), named('b', 'x'.repeat(512 * 1024))));
      const { code, stdout } = await mailtool(['save', '--file', path, '-d', disk.path, '--json']);
      expect(code).toBe(74);
      expect(JSON.parse(stdout)).toMatchObject({
        ok: false,
        saved: [{ path: join(disk.path, 'a'), size: 5 }],
        error: { message: expect.stringContaining('no space left') },
      });
      expect(readdirSync(disk.path)).toEqual(['a']);
    },
  );

  test('where nothing may be written', async () => {
    const { code, stderr } = await mailtool(['save', '--file', file(attached('a.txt')), '-d', '/proc/self']);
    expect(code).toBe(73);
    expect(stderr).toContain('cannot save in /proc/self');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: what is there is whole, and nothing else is',
    async (signal) => {
      const content = Buffer.alloc(256 * 1024, 'x');
      const one = message(FIELDS, TEXT, { type: 'application/x', filename: 'a.bin', content }).replace(
        /\r/g,
        '',
      );
      const path = join(dir, 'mbox');
      writeFileSync(path, `From a@b Sat Nov 21 06:00:00 2026\n${one}\n`.repeat(300));
      const child = spawn(process.execPath, [BIN, 'save', 'all', '--file', path, '-d', out], {
        env: cleanEnv(),
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      const closed = once(child, 'close');
      await eventually(() => expect(existsSync(join(out, 'a.bin'))).toBe(true));
      child.kill(signal);
      const [code] = await closed;
      expect(code).toBe(signal === 'SIGTERM' ? 143 : 130);
      const names = readdirSync(out);
      expect(names.length).toBeGreaterThan(0);
      expect(names.length).toBeLessThan(300);
      expect(told.trim().split('\n').sort()).toEqual(names.map((name) => join(out, name)).sort());
      for (const name of names) expect(statSync(join(out, name)).size).toBe(content.length);
    },
  );

  test('by name, by type, by number, or all of it', async () => {
    const parts = [
      TEXT,
      { type: 'application/pdf', filename: 'a.pdf', content: 'pdf' },
      { type: 'image/png', filename: 'b.png', disposition: 'inline', content: PNG },
      { type: 'image/png', contentId: 'x', disposition: 'inline', content: PNG },
    ];
    const all = message(FIELDS, ...parts);
    const saved = async (...args: string[]) => {
      rmSync(out, { recursive: true, force: true });
      expect((await save(all, ...args)).code).toBe(0);
      return readdirSync(out).sort();
    };
    expect(await saved()).toEqual(['a.pdf', 'b.png']);
    expect(await saved('--match', '*.PDF')).toEqual(['a.pdf']);
    expect(await saved('--type', 'image/*')).toEqual(['b.png', 'part-4.png']);
    expect(await saved('--part', '4')).toEqual(['part-4.png']);
    expect(await saved('--all')).toEqual(['a.pdf', 'b.png', 'part-1.txt', 'part-4.png']);
  });

  test('nothing to save is fine, unless something was asked for', async () => {
    const none = message(FIELDS, TEXT);
    expect(await save(none)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await save(none, '--match', '*.pdf')).code).toBe(66);
    expect((await save(none, '--part', '7')).code).toBe(66);
    expect((await save(none, '--match', '')).code).toBe(64);
  });

  test('--stdout: the octets of the one', async () => {
    const path = file(attached('a.bin', 'b.bin'));
    const one = await mailtool(['save', '--file', path, '--stdout', '--match', 'a*']);
    expect(one).toMatchObject({ code: 0, stdout: 'a.bin' });
    expect((await mailtool(['save', '--file', path, '--stdout'])).code).toBe(64);
    const { screen, code } = await onTerminal(['save', '--file', path, '--stdout', '--part', '2']);
    expect(code).toBe(64);
    expect(screen).not.toContain('a.bin');
  });

  test('a terminal gets no controls of names', async () => {
    const { screen } = await onTerminal([
      'save',
      '--file',
      file(attached(HOSTILE, `x${HOSTILE}`)),
      '-d',
      out,
      '--color',
      'never',
    ]);
    expect(screen).toContain(out);
    expect(screen.replaceAll('\r\n', '\n')).not.toMatch(CONTROLS);
  });

  test('of several messages on a server, which have to be named', async () => {
    const preload = [attached('one.txt'), message(FIELDS, TEXT), attached('two.txt')].map((content, index) =>
      file(content, `${index}.eml`),
    );
    await using sandbox = await startSandbox({ preload });
    const env = sandbox.environment();
    const { code, stdout } = await mailtool(['save', 'all', '-d', out], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${out}/one.txt\n${out}/two.txt\n` });
    expect((await mailtool(['save', '-d', out], { env })).code).toBe(64);
    const none = await mailtool(['save', '--from', 'nobody', '--match', '*', '-d', out], { env });
    expect(none).toMatchObject({ code: 0, stdout: '' });
    const { saved } = JSON.parse((await mailtool(['save', 'last', '-d', out, '--json'], { env })).stdout);
    expect(saved).toMatchObject([{ number: 3, uid: expect.any(String), path: join(out, 'two-2.txt') }]);
  });
});
