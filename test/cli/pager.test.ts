import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIELDS, message } from './messages.ts';
import { onTerminal, type TerminalOptions } from './pseudo-terminal.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Around mailtool: how the terminal was set before and after, and the code it left with. */
const SCRIPT =
  'trap : INT; before=$(stty -g); "$@"; echo "left with $?"; [ "$before" = "$(stty -g)" ] && echo as before';
const LEFT = (code: number) => `left with ${code}\r\nas before\r\n`;
/** What less ends a screen with. */
const PROMPT = ':\x1b[K';
/** A key of the test is only for what has asked for it. */
const once = (when: (screen: string) => boolean, what: (type: (text: string) => void) => void) => {
  let done = false;
  return (screen: string, type: (text: string) => void) => {
    if (done || !when(screen)) return;
    done = true;
    what(type);
  };
};

function long(lines: number): string {
  const content = Array.from({ length: lines }, (_, at) => `line ${at + 1} of the text\r\n`).join('');
  const path = join(dir, 'a.eml');
  writeFileSync(path, message(FIELDS, { type: 'text/plain', content }));
  return path;
}
const shown = (path: string, options: TerminalOptions) =>
  onTerminal(['show', '--file', path], {
    script: SCRIPT,
    ...options,
    env: { TZ: 'UTC', HOME: dir, ...options.env },
  });

const hasLess = spawnSync('less', ['--version']).status === 0;

describe.skipIf(!hasLess)('less', () => {
  test('a long message is paged; q ends it, and the terminal is as it was', async () => {
    const onScreen = once(
      (screen) => screen.endsWith(PROMPT),
      (type) => type('q'),
    );
    const { screen } = await shown(long(500), { onScreen });
    expect(screen).toContain('Subject: Figures');
    expect(screen).not.toContain('line 100 ');
    expect(screen.endsWith(LEFT(0)), screen.slice(-200)).toBe(true);
  });

  test('what fits is shown, and less has left', async () => {
    const { screen } = await shown(long(3), {});
    expect(screen).toContain('line 3 of the text');
    expect(screen.endsWith(LEFT(0))).toBe(true);
  });

  test('Ctrl-C is the pager’s: it goes on, and q ends it', async () => {
    let asked = 0;
    let leaves = false;
    const { screen } = await shown(long(500), {
      onScreen: (seen, type) => {
        // After Ctrl-C it rings the bell, and then its prompt may come again or not.
        if (leaves || seen.length <= asked || !(seen.endsWith(PROMPT) || seen.endsWith('\x07'))) return;
        leaves = asked > 0 && seen.includes('line 30 ');
        type(asked === 0 ? '\x03' : leaves ? 'q' : ' ');
        asked = seen.length;
      },
    });
    expect(screen).toContain('line 30 ');
    expect(screen.endsWith(LEFT(0)), screen.slice(-200)).toBe(true);
  });

  test('20 MB are left early', async () => {
    const onScreen = once(
      (screen) => screen.endsWith(PROMPT),
      (type) => type('q'),
    );
    const { screen } = await shown(long(800_000), { onScreen });
    expect(screen.endsWith(LEFT(0)), screen.slice(-200)).toBe(true);
  }, 60_000);

  test.each([
    ['by itself', {}],
    ['in a command line', { PAGER: 'LESS=FX less -S' }],
  ])('SIGTERM ends it and mailtool, %s', async (_, env) => {
    const pid = join(dir, 'pid');
    const script = `before=$(stty -g); sh -c 'echo $$ > ${pid}; exec "$@"' sh "$@"; echo "left with $?"; [ "$before" = "$(stty -g)" ] && echo as before`;
    const onScreen = once(
      (screen) => screen.includes('line 10 '),
      () => process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM'),
    );
    const { screen } = await shown(long(500), { onScreen, script, env });
    expect(screen.endsWith(LEFT(143)), screen.slice(-300)).toBe(true);
  });
});

describe('no pager', () => {
  test.each([
    ['PAGER=', { PAGER: '' }],
    ['PAGER=cat', { PAGER: 'cat' }],
    ['one that is not there', { PAGER: '/nonexistent/pager' }],
    ['one that no shell can run', { PAGER: '/' }],
  ])('%s: all of it comes', async (_, env) => {
    const { screen } = await shown(long(500), { env });
    expect(screen).toContain('line 500 of the text\r\n');
    expect(screen.endsWith(LEFT(0)), screen.slice(-200)).toBe(true);
  });

  test('none is named, and there is no less', async () => {
    const script = SCRIPT.replace('"$@"', 'env PATH=/nonexistent "$@"');
    const { screen } = await shown(long(500), { script });
    expect(screen).toContain('line 500 of the text\r\n');
    expect(screen.endsWith(LEFT(0)), screen.slice(-200)).toBe(true);
  });
});
