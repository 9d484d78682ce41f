import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import { EVIL, encoded, obeyed } from './github-runner.ts';
import { against, BYE, maildrop, tops } from './maildrop.ts';
import { mailtool } from './mailtool.ts';
import { FIELDS, message } from './messages.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = { GITHUB_ACTIONS: 'true' };

function shown(text: string, args: readonly string[] = []) {
  const path = join(folder, 'a.eml');
  const fields = [...FIELDS.slice(0, 3), `Subject: ${encoded(text)}`];
  const html = {
    type: 'text/html; charset=utf-8',
    content: `<pre>${text}</pre><a href="https://x.test/">${text}`,
  };
  const plain = { type: 'text/plain; charset=utf-8', content: text, disposition: 'inline' };
  writeFileSync(path, message(fields, plain, html, { type: 'application/x', filename: text, content: text }));
  return mailtool(['show', '--file', path, ...args], { env });
}

describe('in GitHub Actions nothing of a message is obeyed', () => {
  test.each(EVIL)(
    'show: %j',
    async (text) => {
      for (const args of [[], ['--headers'], ['--links'], ['--html'], ['--part', '1'], ['--json']]) {
        const { code, stdout, stderr } = await shown(text, args);
        expect(code).toBe(0);
        expect(obeyed(`${stdout}\n::notice::mine\n`), `${args}: ${stdout}`).toEqual(['notice mine']);
        expect(obeyed(`${stderr}::notice::mine\n`)).toEqual(['notice mine']);
      }
    },
    30_000,
  );

  test('a part in other octets than text is as it is', async () => {
    expect((await shown('::add-path::x', ['--part', '3'])).stdout).toBe('::add-path::x');
  });

  test('show prints a harmless text between two lines, too; elsewhere without', async () => {
    const { stdout } = await shown('hello');
    const [, word = ''] = /^::stop-commands::(mailtool-[\da-f]{32})\n/.exec(stdout) ?? [];
    expect(stdout.endsWith(`\n::${word}::\n`)).toBe(true);
    expect(stdout.match(/^::/gm)?.length).toBe(2);
  });

  test('a list, and what a server says', async () => {
    const drop = maildrop([{}]);
    const listed = await against(
      `${drop}\n${tops([1], () => 'S: Subject: x ##[add-path]/tmp')}\n${BYE}`,
      ['list'],
      { env },
    );
    expect(listed.stdout).toContain('##[add-path]/tmp');
    expect(obeyed(`${listed.stdout}::notice::mine\n`)).toEqual(['notice mine']);
    const harmless = await against(`${drop}\n${tops([1], () => 'S: Subject: x')}\n${BYE}`, ['list'], { env });
    expect(harmless.stdout).not.toContain('::');
    const refused = await against('S: -ERR ##[add-path]/tmp', ['list'], { env });
    expect(refused.stderr).toContain('##[add-path]/tmp');
    expect(obeyed(refused.stderr)).toEqual([]);
  });

  test.each(EVIL)('save: the paths, and a warning of a broken message: %j', async (text) => {
    const path = join(folder, 'b.eml');
    const broken = message(
      FIELDS,
      {
        type: `text/plain; charset="${text.replace(/[\r\n]/g, ' ')}"`,
        content: Buffer.from('\xff', 'latin1'),
      },
      { type: 'application/x', filename: text, content: text },
    );
    writeFileSync(path, broken);
    const { code, stdout, stderr } = await mailtool(['save', '--file', path, '-d', join(folder, text)], {
      env,
    });
    expect(code).toBe(0);
    expect(stderr).toContain('warning:');
    for (const output of [stdout, stderr])
      expect(obeyed(`${output}::notice::mine\n`), output).toEqual(['notice mine']);
  });

  test('a list of all these subjects', async () => {
    const files = EVIL.map((text, index) => {
      const path = join(folder, `${index}.eml`);
      writeFileSync(path, message([...FIELDS.slice(0, 3), `Subject: ${encoded(text)}`]));
      return path;
    });
    await using sandbox = await startSandbox({ preload: files });
    for (const args of [['list'], ['list', '--plain'], ['list', '--json']]) {
      const { code, stdout } = await mailtool(args, { env: { ...env, ...sandbox.environment() } });
      expect(code).toBe(0);
      expect(stdout).toContain('add-path');
      expect(obeyed(`${stdout}\n::notice::mine\n`), stdout).toEqual(['notice mine']);
    }
  });
});
