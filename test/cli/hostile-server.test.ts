import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFor, type TestCertificate } from '../certificate.ts';
import { dialogue } from '../dialogue.ts';
import { mailtool, type Ran } from './mailtool.ts';
import { lineServer, type ScriptedServer } from './scripted-server.ts';

const PASSWORD = 'Zugang+ß/42';
const base64 = (text: string) => Buffer.from(text).toString('base64');

let dir: string;
let certificate: TestCertificate;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  certificate = await certificateFor();
  writeFileSync(join(dir, 'ca.pem'), certificate.cert);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What is like in both protocols, and what is not. */
const PROTOCOLS = {
  smtp: {
    greeting: '220 mx',
    ask: 'EHLO me',
    /** The lines that answer it. */
    offer: (...keywords: string[]) =>
      ['mx', ...keywords].map((text, at, all) => `250${at < all.length - 1 ? '-' : ' '}${text}`),
    sasl: 'AUTH PLAIN LOGIN SCRAM-SHA-256',
    upgrade: 'STARTTLS',
    yes: '220 go',
    injected: '235 2.7.0 welcome',
    challenge: '334 ',
    accepted: '235 2.7.0 ok',
    command: ['send', '-f', 'a@example.org', '-t', 'b@example.org', '-m', 'x', '--ehlo', 'me'],
  },
  pop3: {
    greeting: '+OK ready',
    ask: 'CAPA',
    offer: (...keywords: string[]) => ['+OK', ...keywords, '.'],
    sasl: 'SASL PLAIN LOGIN SCRAM-SHA-256',
    upgrade: 'STLS',
    yes: '+OK go',
    injected: '+OK logged in',
    challenge: '+ ',
    accepted: '+OK in',
    command: ['stat'],
  },
} as const;
type Protocol = keyof typeof PROTOCOLS;
const NAMES = Object.keys(PROTOCOLS) as Protocol[];

/** Runs the command that wants to log in, with every word of the dialogue on stderr. */
function run(
  protocol: Protocol,
  settings: Record<string, string>,
  args: readonly string[] = [],
): Promise<Ran> {
  const name = protocol.toUpperCase();
  return mailtool([...PROTOCOLS[protocol].command, '-vv', '--timeout', '20s', ...args], {
    env: {
      [`MAILTOOL_${name}_USER`]: 'me',
      [`MAILTOOL_${name}_PASSWORD`]: PASSWORD,
      MAILTOOL_TLS_CA: join(dir, 'ca.pem'),
      ...settings,
    },
  });
}

const logIn = (protocol: Protocol, port: number, tls: 'starttls' | 'none') =>
  run(protocol, {
    [`MAILTOOL_${protocol.toUpperCase()}_HOST`]: `127.0.0.1:${port}`,
    [`MAILTOOL_${protocol.toUpperCase()}_TLS`]: tls,
  });

/** By a name that is not of this machine, with the TLS that this is to have when nobody says anything. */
const logInElsewhere = (protocol: Protocol, port: number, ...args: string[]) =>
  run(
    protocol,
    {
      [`MAILTOOL_${protocol.toUpperCase()}_HOST`]: `mail.example.org:${port}`,
      NODE_OPTIONS: `--require=${fileURLToPath(new URL('all-names-here.cjs', import.meta.url))}`,
    },
    args,
  );

/** The exit status, one line of error, and nobody logged in nor went on. */
function expectRefused({ code, stderr }: Ran, exit: number, why: RegExp): void {
  expect(stderr).toMatch(why);
  expect(code).toBe(exit);
  expect(stderr.match(/^mailtool: error: /gm)).toHaveLength(1);
  expect(stderr).not.toMatch(/C: (MAIL|RCPT|STAT|PASS)/);
  for (const form of [PASSWORD, base64(PASSWORD)]) expect(stderr).not.toContain(form);
}

describe.each(NAMES)('%s: what comes with or instead of TLS', (protocol) => {
  const { greeting, ask, offer, sasl, upgrade, yes, injected } = PROTOCOLS[protocol];
  const lines = (...each: string[]) => each.map((line) => `S: ${line}`).join('\n');
  const offered = (...keywords: string[]) => `C: ${ask}\n${lines(...offer(...keywords))}`;
  const before = `${lines(greeting)}\n${offered(upgrade, sasl)}\nC: ${upgrade}\n`;

  it.each([
    ['in the segment of the answer', `${lines(yes, injected)}\n*: end`],
    ['half a line in the segment of the answer', `S- ${yes}\\r\\n+\n*: end`],
  ])('words %s are an attack, and nothing of them is used: 76', async (_, script) => {
    const ran = await dialogue(`${before}${script}`, {}, (port) => logIn(protocol, port, 'starttls'));
    expectRefused(ran, 76, /error: .*bytes arrived in plain text before the TLS handshake/);
    expect(ran.stderr).not.toContain(injected);
  });

  it('words in a later segment, amid the handshake, break it: 76', async () => {
    const script = `${before}${lines(yes)}\n*: bytes\n${lines(injected, injected)}`;
    const ran = await dialogue(script, {}, (port) => logIn(protocol, port, 'starttls'));
    expectRefused(ran, 76, /error: .*TLS/);
    expect(ran.stderr).not.toContain(injected);
  });

  it('words in the segment behind that of the answer never count, whenever they arrive: 76', async () => {
    // The answer is eight octets in both protocols: what is injected leaves by itself, before or amid the handshake.
    const script = `${before}${lines(yes, injected)}\n*: silence`;
    const ran = await dialogue(script, { chunk: `${yes}\r\n`.length }, (port) =>
      logIn(protocol, port, 'starttls'),
    );
    expectRefused(ran, 76, /error: .*TLS/);
    expect(ran.stderr).not.toContain(injected);
  });

  it('a server without it gets no password, and a hint is given: 76', async () => {
    const script = `${lines(greeting)}\n${offered(sasl)}\n*: end`;
    const ran = await dialogue(script, {}, (port) => logIn(protocol, port, 'starttls'));
    expectRefused(ran, 76, new RegExp(`error: .*${upgrade}.*\\nhint: .*--${protocol}-tls`));
  });

  it('a server elsewhere that has none gets no password, whatever it offers: 76, or 77 where TLS was turned off', async () => {
    const clear = sasl.replace(' SCRAM-SHA-256', '');
    const script = `${lines(greeting)}\n${offered(clear)}\n*: end`;
    const without = await dialogue(script, {}, (port) => logInElsewhere(protocol, port));
    expectRefused(without, 76, new RegExp(`error: .*${upgrade}`));
    const off = await dialogue(script, {}, (port) =>
      logInElsewhere(protocol, port, `--${protocol}-tls`, 'none'),
    );
    expectRefused(off, 77, /error: refused to send the password in clear.*\nhint: .*--allow-cleartext-auth/);
  });

  it('a log-in that was offered only before TLS is not believed', async () => {
    const script = `${before}${lines(yes)}\n*: tls\n${offered()}\n`;
    const secured = (rest: string) =>
      dialogue(script + rest, { certificate }, (port) => logIn(protocol, port, 'starttls'));
    if (protocol === 'smtp') expectRefused(await secured('*: end'), 77, /the server offers no log-in/);
    else {
      // Whoever lists nothing may still have USER (RFC 1939 7), here under TLS.
      const { code, stderr } = await secured('C: USER me\nS: -ERR [AUTH] no\n*: end');
      expect(code).toBe(77);
      expect(stderr).not.toMatch(/C: AUTH/);
    }
  });
});

describe.each(NAMES)('%s: SCRAM with a server that does not know the password', (protocol) => {
  const { greeting, offer, challenge, accepted } = PROTOCOLS[protocol];

  /** Plays along to the end: `first` and `final` are what it says in SCRAM, `nonce` being the client's. */
  function falseServer(first: (nonce: string) => string, final: string | undefined): Promise<ScriptedServer> {
    const say = (text: string) => `${challenge}${base64(text)}\r\n`;
    let step = 0;
    const begin = (initial: string) => {
      const nonce = /r=([^,]+)$/.exec(Buffer.from(initial, 'base64').toString())?.[1] ?? '';
      step = 1;
      return say(first(nonce));
    };
    return lineServer(`${greeting}\r\n`, (line) => {
      if (/^(EHLO|CAPA)/.test(line)) return `${offer(PROTOCOLS[protocol].sasl).join('\r\n')}\r\n`;
      if (line.startsWith('AUTH SCRAM-SHA-256 ')) return begin(line.split(' ')[2] ?? '');
      if (line === 'AUTH SCRAM-SHA-256') return `${challenge}\r\n`;
      if (line === '*') return protocol === 'smtp' ? '501 5.7.0 cancelled\r\n' : '-ERR cancelled\r\n';
      if (line === 'QUIT') return protocol === 'smtp' ? '221 bye\r\n' : '+OK bye\r\n';
      if (step === 0) return begin(line);
      step++;
      if (step === 2 && final !== undefined) return say(final);
      return `${accepted}\r\n`;
    });
  }
  const first = (more: string) => (nonce: string) => `r=${nonce}more,s=QSXCR+Q6sek8bf92,i=${more}`;

  it.each([
    ['a wrong signature', '4096', 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', /its signature is wrong/],
    ['an empty signature', '4096', 'v=', /its signature is wrong/],
    ['success without a signature', '4096', undefined, /success before it had proved itself/],
    ['ten million iterations', '10000000', undefined, /asks for 10000000 iterations, not 4096 to 1000000/],
    ['one iteration', '1', undefined, /asks for 1 iterations, not 4096 to 1000000/],
  ])('%s: 77, and nothing more is said', async (_, iterations, final, why) => {
    await using server = await falseServer(first(iterations), final);
    expectRefused(await logIn(protocol, server.port, 'none'), 77, why);
    const logIns = server.lines.filter((line) => line.startsWith('AUTH'));
    expect(logIns).toHaveLength(1);
    // Where it asked too much, not even the proof has gone.
    if (iterations !== '4096')
      expect(server.lines.at(server.lines.indexOf(logIns[0] ?? '') + 1)).toMatch(/^\*$|=$/);
    expect(server.lines.some((line) => /^(MAIL|STAT|USER|PASS)/.test(line))).toBe(false);
  });
});
