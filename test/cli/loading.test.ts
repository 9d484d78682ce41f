import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLES, bundle } from '../../scripts/bundle.mjs';
import { mailtool } from './mailtool.ts';
import { lineServer, smtpServer } from './scripted-server.ts';

/** Loads a bundle as bin/mailtool.cjs does, without its code cache. */
const RUNNER = `
  const file = process.argv.splice(2, 1)[0];
  const script = new (require('node:vm').Script)(require('node:fs').readFileSync(file, 'utf8'), { filename: file });
  script.runInThisContext()(module.exports, require, module, file, __dirname);
  module.exports.main();
`;

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  writeFileSync(join(dir, 'runner.cjs'), RUNNER);
  // As they are shipped, but with names: minified, nothing would tell the files apart.
  for (const name of BUNDLES) await bundle(name, { outfile: join(dir, `${name}.cjs`), minify: false });
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

/** The source files whose code ran. In a bundle each lazily imported file is a function with the file's name. */
function ranBy(...args: string[]): Promise<string[]> {
  return ranWith({}, ...args);
}

async function ranWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<string[]> {
  const into = mkdtempSync(join(dir, 'coverage-'));
  const file = join(dir, args[0] === 'send' ? 'send.cjs' : args[0] === 'show' ? 'read.cjs' : 'main.cjs');
  const child = spawn(process.execPath, [join(dir, 'runner.cjs'), file, ...args], {
    env: { PATH: process.env['PATH'], NODE_V8_COVERAGE: into, ...env },
    stdio: 'ignore',
  });
  await once(child, 'exit');
  return readdirSync(into).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage;
    const functions = result.filter(({ url }) => url.endsWith(file)).flatMap((script) => script.functions);
    return functions
      .filter(({ functionName, ranges }) => /\.[cm]?[jt]s$/.test(functionName) && (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName);
  });
}

/** What start-up must not pay for without need: other commands, the other protocol, TLS, log-in, colours, a bar, dotenv. */
const OTHERS =
  /commands\/(?!send|command|index)|send\/(?:wishes|signature)|mime\/dkim|src\/(?:pop3|sasl|sandbox)\/|config\/config-(?:file|account|lines)\.|net\/(?:tls|transcript|proxy|negotiation|socks|http-connect)|smtp\/(?:authentication|inquiry|raw)|node_modules\/(?!commander)/;

describe('start-up', () => {
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

  it('runs to find nothing new no store but the one that is used', async () => {
    await using server = await lineServer('+OK ready\r\n', (line) =>
      ['CAPA', 'LIST', 'UIDL'].includes(line) ? '+OK\r\n.\r\n' : '+OK 0 0\r\n',
    );
    const env = {
      MAILTOOL_POP3_HOST: `127.0.0.1:${server.port}`,
      MAILTOOL_POP3_USER: 'ann',
      MAILTOOL_POP3_PASSWORD: 'pw',
      MAILTOOL_STATE_DIR: join(dir, 'state'),
    };
    const ran = await ranWith(env, 'fetch', '--maildir', join(dir, 'Mail'));
    expect(server.lines).toContain('QUIT');
    expect(ran).toContain('src/store/maildir.ts');
    expect(ran.filter((name) => /store\/(?:exec|mbox|folder|mail-files)|src\/mime\//.test(name))).toEqual([]);
  });

  /** The files that a run loads. */
  async function loadedBy(...args: string[]): Promise<string[]> {
    const into = mkdtempSync(join(dir, 'coverage-'));
    await mailtool(args, { env: { NODE_V8_COVERAGE: into, TMPDIR: dir } });
    return readdirSync(into).flatMap((name) =>
      (JSON.parse(readFileSync(join(into, name), 'utf8')) as Coverage).result.map(({ url }) => url),
    );
  }
  const bundlesIn = (urls: readonly string[]) =>
    BUNDLES.filter((name) => urls.some((url) => url.endsWith(`/dist/cli/${name}.cjs`)));

  it('loads no cryptography to say how it is used', async () => {
    // A tenth of such a run.
    const told = join(dir, 'told.cjs');
    writeFileSync(
      told,
      `const { Module } = require('node:module'), load = Module._load;
       Module._load = function (name) { if (/crypto/.test(name)) process.stderr.write(name); return load.apply(this, arguments); };`,
    );
    for (const args of [['--help'], ['accounts', 'list']]) {
      const env = { NODE_OPTIONS: `--require ${told}` };
      expect((await mailtool(args, { env })).stderr, args.join(' ')).toBe('');
    }
  });

  it('loads nothing at all for --version', async () => {
    expect(bundlesIn(await loadedBy('--version'))).toEqual([]);
  });

  it('loads what reads messages for the commands that do alone', async () => {
    expect(bundlesIn(await loadedBy('list', '--help'))).toEqual(['main']);
    expect(bundlesIn(await loadedBy('send', '-s', 'show', '--help'))).toEqual(['send']);
    for (const words of [['show'], ['help', 'save'], ['--json', 'show']])
      expect(bundlesIn(await loadedBy(...words)), words.join(' ')).toEqual(['read']);
    const main = readFileSync(join(dir, 'main.cjs'), 'utf8');
    expect(main).not.toMatch(
      /^\/\/ (?:src\/mime\/read\/|src\/cli\/(?:show|save)\/|node_modules\/postal-mime)/m,
    );
  });

  it('runs to show a text neither what reads pages, nor what cleans them', async () => {
    const path = join(dir, 'a.eml');
    writeFileSync(path, 'Subject: hi\n\nhi\n');
    const ran = await ranBy('show', '--file', path);
    expect(ran).toContain('src/cli/show/render.ts');
    expect(
      ran.filter((name) =>
        /src\/(?:pop3|net|sasl|smtp)\/|show\/(?:pager|html-page|sanitise|browser)|node_modules\/(?!commander)/.test(
          name,
        ),
      ),
    ).toEqual([]);
    const cleaner = (urls: readonly string[]) => urls.filter((url) => url.includes('/sanitize-html/'));
    expect(cleaner(await loadedBy('show', '--file', path))).toEqual([]);
    writeFileSync(path, 'Subject: hi\nContent-Type: text/html\n\n<p>hi\n');
    expect(cleaner(await loadedBy('show', '--file', path, '--open'))).not.toEqual([]);
  });
});
