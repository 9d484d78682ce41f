/** What is built: the demo that a newcomer runs first, and the subpath that other people's tests import. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const built =
  existsSync(join(root, 'dist', 'cli', 'main.cjs')) && existsSync(join(root, 'dist', 'lib', 'sandbox'));

const run = (args: string[]) =>
  promisify(execFile)(process.execPath, args, {
    cwd: root,
    // Settings of whoever runs the tests must not reach the demo's commands.
    env: { ...process.env, MAILTOOL_SMTP_HOST: 'nowhere.invalid', NO_COLOR: '1' },
  });

describe.skipIf(!built)(`the built package${built ? '' : ' (not built: npm run build)'}`, () => {
  it('shows itself: npm run demo', async () => {
    const { stdout, stderr } = await run(['scripts/demo.mjs']);
    const commands = stdout.split('\n').filter((line) => line.startsWith('$ '));
    expect(commands.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      '$ mailtool send',
      '$ mailtool list',
      '$ mailtool retr',
      '$ mailtool dele',
      '$ mailtool stat',
    ]);
    expect(stdout).toMatch(/^sent <.*250 /m);
    expect(stdout).toMatch(/^Content-Disposition: attachment; filename="?backup\.log"?$/m);
    expect(stdout).toMatch(/^\$ mailtool stat\n0 0$/m);
    expect(stderr).toBe('');
  });

  it('gives other programs mailtool/sandbox', async () => {
    const { stdout } = await run([
      '--input-type=module',
      '--eval',
      `import { startSandbox } from 'mailtool/sandbox';
       const sandbox = await startSandbox({ tls: true });
       console.log(sandbox.environment().MAILTOOL_SMTP_TLS, sandbox.messages().length);
       await sandbox.close();`,
    ]);
    expect(stdout).toBe('starttls 0\n');
  });
});
