import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, mailtool } from './mailtool.ts';
import { smtpServer } from './scripted-server.ts';

const built = existsSync(join(dirname(BIN), '..', 'dist', 'cli', 'main.cjs'));
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly count: number }[];
    }[];
  }[];
}

/** The source files whose code ran. In the bundle each lazily imported file is a function with the file's name. */
async function ranBy(...args: string[]): Promise<string[]> {
  const into = mkdtempSync(join(dir, 'coverage-'));
  await mailtool(args, { env: { NODE_V8_COVERAGE: into } });
  return readdirSync(into).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage;
    const functions = result
      .filter(({ url }) => url.endsWith('main.cjs'))
      .flatMap((script) => script.functions);
    return functions
      .filter(({ functionName, ranges }) => /\.[cm]?[jt]s$/.test(functionName) && (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName);
  });
}

/** What start-up must not pay for without need: other commands, the other protocol, TLS, log-in, colours, a bar, dotenv. */
const OTHERS =
  /commands\/(?!send|command|index)|src\/(?:pop3|sasl|sandbox)\/|net\/tls|net\/transcript|smtp\/authentication|node_modules\/(?!commander)/;

describe.runIf(built)('start-up', () => {
  it('runs almost nothing to say how mailtool is used', async () => {
    const ran = await ranBy();
    expect(
      ran.filter((name) => /commands\/(?!index)|node_modules|src\/(?!cli|config|errors)/.test(name)),
    ).toEqual([]);
  });

  it('runs only the command that was asked for, to explain it', async () => {
    const ran = await ranBy('send', '--help');
    expect(ran).toContain('src/cli/commands/send.ts');
    expect(ran.filter((name) => OTHERS.test(name) || /smtp\/client|net\//.test(name))).toEqual([]);
  });

  it('runs to send a message neither receiving, nor TLS, nor dotenv, nor colours, nor a progress bar', async () => {
    await using server = await smtpServer();
    const message = ['-f', 'a@example.org', '-t', 'b@example.org', '-m', 'x'];
    const ran = await ranBy('send', ...message, '--smtp-host', `127.0.0.1:${server.port}`);
    expect(server.lines).toContain('.');
    expect(ran).toContain('src/smtp/client.ts');
    expect(ran.filter((name) => OTHERS.test(name))).toEqual([]);
  });

  it('loads nothing at all for --version', async () => {
    const into = mkdtempSync(join(dir, 'coverage-'));
    await mailtool(['--version'], { env: { NODE_V8_COVERAGE: into } });
    const scripts = readdirSync(into).flatMap(
      (name) => (JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage).result,
    );
    expect(scripts.map(({ url }) => url.slice(url.lastIndexOf('/') + 1))).not.toContain('main.cjs');
  });
});
