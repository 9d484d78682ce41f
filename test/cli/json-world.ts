import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { HANG_UP, lineServer, type ScriptedServer, SILENCE, smtpServer } from './scripted-server.ts';

/** The servers and files that the runs need. */
export interface World extends AsyncDisposable {
  readonly home: string;
  readonly sandbox: Sandbox;
  /** SMTP: bob is refused by 5yz, carol by 4yz; VRFY and EXPN have replies of their own. */
  readonly refusing: ScriptedServer;
  /** SMTP: refuses every recipient; hangs up after the message; says nothing. */
  readonly refusingAll: ScriptedServer;
  readonly losing: ScriptedServer;
  readonly silent: ScriptedServer;
  /** POP3: three messages, the third of which is not given; announces all that can be announced. */
  readonly drop: ScriptedServer;
  /** POP3: two messages, without TOP and UIDL. */
  readonly plain: ScriptedServer;
  readonly empty: ScriptedServer;
  /** POP3: says nothing after its greeting. */
  readonly mute: ScriptedServer;
}

const MESSAGES = [
  'From: "Ann \\" A" <ann@example.org>\r\nTo: bob@example.org, =?utf-8?q?C=C3=A4t?= <cat@example.org>\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 2 Jan 2023 10:00:00 +0200\r\nMessage-ID: <1@example.org>\r\nReferences: <0@example.org>\r\nIn-Reply-To: <0@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<a href="https://example.org/?code=123456">here</a> 123456\r\n--x\r\nContent-Type: application/pdf\r\nContent-ID: <p@x>\r\nContent-Disposition: attachment; filename="../a.pdf"\r\n\r\n%PDF\r\n--x\r\nContent-Type: image/png\r\n\r\n\r\n',
  'Date: 31 Dec 9999 23:59:59 -1200\r\nFrom: \u001b[31m\r\n\r\n.\r\n',
  'Date: 99 Dec 9999 99:99:99 -9999\r\n\r\n\r\n',
];

function pop3Server(
  messages: readonly string[],
  answers: Readonly<Record<string, string>> = {},
): Promise<ScriptedServer> {
  const block = (lines: readonly string[]) => `+OK\r\n${lines.map((line) => `${line}\r\n`).join('')}.\r\n`;
  const numbered = (of: (at: number) => string) => block(messages.map((_, at) => `${at + 1} ${of(at)}`));
  return lineServer('+OK <1@pop> hi\r\n', (line) => {
    const [verb = '', number = ''] = line.split(' ');
    const stuffed = (messages[Number(number) - 1] ?? '').replace(/^\./gm, '..');
    const usual: Readonly<Record<string, string>> = {
      CAPA: block(['TOP', 'UIDL', 'USER', 'LANG', 'EXPIRE NEVER USER', 'LOGIN-DELAY 3', 'SASL PLAIN']),
      LANG: block(['de Deutsch', 'en']),
      STAT: `+OK ${messages.length} ${messages.join('').length}\r\n`,
      LIST: numbered((at) => String(messages[at]?.length)),
      UIDL: numbered((at) => `uid-${at + 1}`),
      TOP: `+OK\r\n${stuffed.split('\r\n\r\n')[0]}\r\n\r\n.\r\n`,
      RETR: `+OK\r\n${stuffed}.\r\n`,
    };
    return answers[line] ?? answers[verb] ?? usual[verb] ?? '+OK\r\n';
  });
}

const ASKED: Readonly<Record<string, string>> = {
  ann: '250 2.1.5 Ann <ann@example.org>\r\n',
  bob: '550 5.1.1 no such user\r\n',
  carol: '451 4.3.0 come again\r\n',
  dave: '252 try\r\n',
  staff: '250-<ann@example.org>\r\n250 Bob <bob@example.org>\r\n',
};
const asked = (line: string) =>
  Object.entries(ASKED).find(([name]) => line.includes(name))?.[1] ?? '250 2.1.5 ok\r\n';

export async function makeWorld(): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), 'mailtool-test-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(home, name), text, { mode: 0o600 });
    return join(home, name);
  };
  const preload = MESSAGES.map((text, at) => file(`${at + 1}.eml`, text));
  const sandbox = await startSandbox({ tls: true, preload, requireAuth: true });
  const [refusing, refusingAll, losing, silent, drop, plain, empty, mute] = await Promise.all([
    smtpServer({ RCPT: asked, VRFY: asked, EXPN: asked, NOSUCH: '502 5.5.1 no\r\n' }),
    smtpServer({ RCPT: '550 5.7.1 no\r\n' }),
    smtpServer({ '.': HANG_UP }),
    smtpServer({ MAIL: SILENCE }),
    pop3Server(MESSAGES, { 'RETR 3': '-ERR [SYS/PERM] broken\r\n', 'DELE 2': '-ERR no\r\n' }),
    pop3Server(MESSAGES.slice(1), { CAPA: '-ERR\r\n', TOP: '-ERR\r\n', UIDL: '-ERR\r\n' }),
    pop3Server([]),
    lineServer('+OK hi\r\n', () => SILENCE),
  ]);
  mkdirSync(join(home, '.config/mailtool'), { recursive: true });
  const pop3 = (port: number) => `host = "127.0.0.1:${port}"\nuser = "ann"\npassword-cmd = ["echo", "x"]\n`;
  file(
    '.config/mailtool/config.toml',
    `default-account = "work"
[accounts.work]
from = "Ann <ann@example.org>"
smtp = { host = "127.0.0.1:${refusing.port}" }
[accounts.work.pop3]
${pop3(drop.port)}[accounts.work.fetch]
maildir = "~/Mail"
[accounts.gone.pop3]
${pop3(1)}[accounts.gone.fetch]
dir = "~/gone"
[accounts.broken]
inherit = "nobody"
`,
  );
  return {
    home,
    sandbox,
    refusing,
    refusingAll,
    losing,
    silent,
    drop,
    plain,
    empty,
    mute,
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await Promise.all(
        [refusing, refusingAll, losing, silent, drop, plain, empty, mute].map((server) =>
          server[Symbol.asyncDispose](),
        ),
      );
      rmSync(home, { recursive: true });
    },
  };
}
