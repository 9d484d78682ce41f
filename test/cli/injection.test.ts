import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';
import { type ScriptedServer, smtpServer } from './scripted-server.ts';

// What a line end in a value would do if it went out: end the header field, or the command, and begin another. (A NUL cannot
// be in an argument: the system ends the argument there.)
const EVIL = [
  '\r\nBcc: all@example.org',
  '\nBcc: all@example.org',
  '\rBcc: all@example.org',
  '\r\n',
  '\n',
  '\r',
];

let folder: string;
let server: ScriptedServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  writeFileSync(join(folder, 'file.txt'), 'x');
  server = await smtpServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A value that holds `evil` where it would go into the message or the dialogue. */
type Place = (evil: string) => string;

const anywhere: Place = (evil) => `x${evil}`;
const inAddress: Place = (evil) => `c@example.org${evil}`;
const inName: Place = (evil) => `"A${evil}" <c@example.org>`;

/** Flags whose text goes out: exit 65. */
const TEXT: Readonly<Record<string, readonly Place[]>> = {
  from: [inAddress, inName],
  'envelope-from': [inAddress],
  to: [inAddress, inName],
  cc: [inAddress, inName],
  bcc: [inAddress, inName],
  'reply-to': [inAddress, inName],
  sender: [inAddress, inName],
  subject: [anywhere],
  charset: [(evil) => `utf-8${evil}`, anywhere],
  'in-reply-to': [(evil) => `<a${evil}@example.org>`],
  'message-id': [(evil) => `<a${evil}@example.org>`],
  header: [(evil) => `X-A: b${evil}c`, (evil) => `X${evil}A: b`],
  attach: ['name', 'type', 'cid'].map((key) => (evil) => `${join(folder, 'file.txt')};${key}=x/y${evil}`),
  inline: ['name', 'type', 'cid'].map((key) => (evil) => `${join(folder, 'file.txt')};${key}=x/y${evil}`),
  envid: [anywhere],
  'auth-sender': [inAddress],
};

/** Flags of which a choice, a number, a time or a place is wanted: what else is in them is a mistake of the command line. */
const OTHER: Readonly<Record<string, readonly number[]>> = {
  ehlo: [64, 65],
  priority: [64],
  date: [64, 65],
  dsn: [64, 65],
  'dsn-return': [64],
  'deliver-by': [64, 65],
  'mt-priority': [64, 65],
  'hold-for': [64, 65],
  'hold-until': [64, 65],
  'retry-for': [64],
  'confirm-timeout': [64],
  encoding: [64],
  timeout: [64],
  deadline: [64],
  'smtp-host': [64, 65, 68, 78],
  'smtp-port': [64, 78],
  'smtp-tls': [64, 78],
  'smtp-user': [64, 65, 78],
  'smtp-auth': [64, 78],
  proxy: [64, 78],
  'local-address': [64, 78],
  'tls-ca': [64, 66, 78],
  'tls-fingerprint': [64, 78],
  'tls-pin': [64, 78],
  'tls-min-version': [64, 78],
  'tls-cert': [64, 66, 78],
  'tls-key': [64, 66, 78],
  'smtp-password-file': [64, 66, 78],
  'smtp-password-cmd': [64, 78],
  color: [64],
  'env-file': [9, 64, 66, 78], // Node 20 looks for this flag itself
  'log-file': [64],
  account: [64],
  config: [64, 78],
  'dkim-key': [64, 66, 78],
  'dkim-selector': [64, 65],
  'dkim-domain': [64, 65],
  'text-file': [66],
  'html-file': [66],
  raw: [64, 66],
  resend: [64, 66],
  calendar: [66],
  forward: [66],
  'reply-to-message': [66],
  seed: [64],
};

/** Flags whose text is the body, or the name of what stays here: where a line end is a line end. */
const BODY = ['text', 'html', 'html-images', 'save-copy'];

const send = (...args: readonly string[]) => {
  const all: Record<string, string> = {
    '--from': 'a@example.org',
    '--to': 'b@example.org',
    '--text': 'x',
    '--smtp-host': '127.0.0.1',
    '--smtp-port': String(server.port),
    '--smtp-tls': 'none',
  };
  delete all[args[0] ?? ''];
  if (/^--(text|html)-file$/.test(args[0] ?? '')) delete all['--text'];
  return mailtool(['send', ...Object.entries(all).flat(), ...args], { cwd: folder });
};

describe('a line end in the value of a flag', () => {
  it('is looked for in every flag that takes one', async () => {
    const { stdout } = await mailtool(['send', '--help']);
    const flags = [...stdout.matchAll(/^ {2}(?:-\S, | {4})?--([a-z0-9-]+) </gm)].map((match) => match[1]);
    expect(flags.length).toBeGreaterThan(30);
    expect(flags.sort()).toEqual([...Object.keys(TEXT), ...Object.keys(OTHER), ...BODY].sort());
  });

  it.each(Object.entries(TEXT).flatMap(([flag, places]) => places.map((place) => [flag, place] as const)))(
    '--%s: 65, and nothing is sent',
    async (flag, place) => {
      for (const evil of EVIL) {
        const { code, stderr, stdout } = await send(`--${flag}`, place(evil));
        expect(code, `${JSON.stringify(place(evil))}: ${stderr}`).toBe(65);
        expect(stdout).toBe('');
        expect(stderr).not.toMatch(/\r|^Bcc/m);
      }
      expect(server.lines).toEqual([]);
    },
  );

  it.each(Object.entries(OTHER))('--%s: %j', async (flag, exits) => {
    for (const evil of EVIL) {
      const { code, stderr } = await send(`--${flag}`, `1${evil}`);
      expect(exits, `${JSON.stringify(evil)}: ${code} ${stderr}`).toContain(code);
    }
    expect(server.lines).toEqual([]);
  });
});
