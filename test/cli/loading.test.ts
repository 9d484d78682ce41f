import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, mailtool } from './mailtool.ts';
import { smtpServer } from './scripted-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const hook = fileURLToPath(new URL('loading.cjs', import.meta.url));
const built = existsSync(join(dirname(BIN), '..', 'dist', 'cli', 'main.cjs'));

describe('what is imported without being asked for', () => {
  let inputs: Metafile['inputs'];
  beforeAll(async () => {
    const result = await build({
      entryPoints: [join(root, 'src/cli/main.ts')],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      external: ['smtp-server', 'selfsigned'],
      absWorkingDir: root,
      logLevel: 'silent',
    });
    inputs = result.metafile.inputs;
  });

  /** The files that run as soon as `entry` is imported: everything that no `import()` stands before. */
  function eager(...entries: string[]): string[] {
    const seen = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { path: next, kind, external } of inputs[path]?.imports ?? []) {
        if (kind !== 'dynamic-import' && external !== true) visit(next);
      }
    };
    for (const entry of entries) visit(relative(root, join(root, entry)));
    return [...seen];
  }

  const area = (paths: readonly string[], prefix: string) => paths.filter((path) => path.startsWith(prefix));

  it('by the shell: no command, no protocol, no library', () => {
    const paths = eager('src/cli/main.ts');
    expect(paths).toContain('src/cli/commands/index.ts');
    for (const prefix of [
      'src/smtp',
      'src/pop3',
      'src/net',
      'src/mime',
      'src/sandbox',
      'src/sasl',
      'node_modules',
    ]) {
      expect(area(paths, prefix)).toEqual([]);
    }
    expect(area(paths, 'src/cli/commands')).toEqual(['src/cli/commands/index.ts']);
  });

  it('by send: nothing of receiving, of the sandbox, of colours and bars', () => {
    const paths = eager(
      'src/cli/main.ts',
      'src/cli/program.ts',
      'src/cli/context.ts',
      'src/cli/commands/send.ts',
      'src/smtp/index.ts',
    );
    expect(paths).toContain('src/mime/compose.ts');
    for (const prefix of ['src/pop3', 'src/sandbox']) expect(area(paths, prefix)).toEqual([]);
    expect(area(paths, 'node_modules').filter((path) => !path.startsWith('node_modules/commander/'))).toEqual(
      [],
    );
  });

  it('by list and retr: nothing of sending, of composing, of the sandbox', () => {
    const paths = eager('src/cli/commands/list.ts', 'src/cli/commands/retr.ts', 'src/pop3/index.ts');
    expect(paths).toContain('src/pop3/client.ts');
    for (const prefix of ['src/smtp', 'src/sandbox', 'src/mime/compose'])
      expect(area(paths, prefix)).toEqual([]);
  });
});

describe.runIf(built)('what Node has to load', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  async function loadedBy(...args: string[]): Promise<string[]> {
    const list = join(dir, 'loaded');
    const { code, stderr } = await mailtool(args, {
      env: { NODE_OPTIONS: `--require ${hook}`, LOADED_INTO: list },
    });
    expect(code, stderr).toBe(0);
    return readFileSync(list, 'utf8').split('\n');
  }

  it('to explain a command: no network', async () => {
    const loaded = await loadedBy('send', '--help');
    for (const name of ['net', 'tls', 'crypto', 'child_process']) expect(loaded).not.toContain(name);
  });

  it('to send without TLS or a log-in: neither TLS nor cryptography', async () => {
    await using server = await smtpServer();
    const loaded = await loadedBy(
      'send',
      '-f',
      'a@example.org',
      '-t',
      'b@example.org',
      '-m',
      'x',
      '--smtp-host',
      `127.0.0.1:${server.port}`,
    );
    expect(server.lines).toContain('.');
    expect(loaded).toContain('net');
    for (const name of ['tls', 'crypto', 'child_process', 'readline']) expect(loaded).not.toContain(name);
  });
});
