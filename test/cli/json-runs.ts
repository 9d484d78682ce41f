import type { World } from './json-world.ts';
import { mailtool, type RunOptions } from './mailtool.ts';
import type { ScriptedServer } from './scripted-server.ts';

/** One run of the command with `--json`, and what it is to come to. */
export interface JsonRun {
  readonly exit: number;
  readonly args: readonly string[];
  readonly options?: RunOptions;
}

/** Runs of each command, by its name; `mailtool` stands for none that there is. They run in this order. */
export function runsOf(world: World): Readonly<Record<string, readonly JsonRun[]>> {
  const { home, sandbox, refusing, refusingAll, losing, silent, drop, plain, empty, mute } = world;
  const env = { HOME: home, TMPDIR: home };
  const run = (exit: number, args: string, options: RunOptions = {}): JsonRun => ({
    exit,
    args: args.split(' '),
    options: { cwd: home, ...options, env: { ...env, ...options.env } },
  });
  const sandboxed = { env: { ...sandbox.environment(), MAILTOOL_CONFIG: 'none' } };
  const pop3 = (server: ScriptedServer) => ({
    env: {
      MAILTOOL_CONFIG: 'none',
      MAILTOOL_POP3_HOST: `127.0.0.1:${server.port}`,
      MAILTOOL_POP3_USER: 'ann',
      MAILTOOL_POP3_PASSWORD: 'pw',
    },
  });
  const smtp = ({ port }: ScriptedServer) => `--smtp-host 127.0.0.1:${port} -f a@example.org -m hi`;
  const none = { env: { MAILTOOL_CONFIG: 'none' } };
  const wrong = { env: { ...sandboxed.env, MAILTOOL_SMTP_PASSWORD: 'x', MAILTOOL_POP3_PASSWORD: 'x' } };
  const untrusted = { env: { ...sandboxed.env, MAILTOOL_TLS_CA: '' } };
  const interrupted: RunOptions = {
    ...pop3(mute),
    onStderr: (text, kill) => /C: (?:MAIL|CAPA)/.test(text) && kill('SIGINT'),
  };
  return {
    send: [
      run(0, 'send -f a@example.org -t b@example.org -m hi --save-copy sent.eml', sandboxed),
      run(0, 'send -f a@example.org -t b@example.org -m hi -n --dsn never --chunking', sandboxed),
      run(0, 'send -f a@example.org -t b@example.org -m hi --confirm --confirm-timeout 20s', sandboxed),
      run(0, 'send -f a@example.org -t b@example.org -E', { ...sandboxed, input: '' }),
      run(67, `send ${smtp(refusing)} -t ann@example.org -t bob@example.org -t carol@example.org`),
      run(67, `send ${smtp(refusingAll)} -t bob@example.org`),
      run(79, `send ${smtp(losing)} -t bob@example.org`),
      run(130, `send ${smtp(silent)} -t bob@example.org -vv`, interrupted),
      run(64, 'send --no-such-flag'),
      run(65, 'send -f a@example.org -t b@@example.org -m hi', sandboxed),
      run(66, 'send -f a@example.org -t b@example.org --text-file gone', sandboxed),
      run(76, 'send -f a@example.org -t b@example.org -m hi', untrusted),
      run(77, 'send -f a@example.org -t b@example.org -m hi', wrong),
      run(78, 'send -f a@example.org -t b@example.org -m hi', none),
      run(78, 'send -f a@example.org -t b@example.org -m hi -a nobody'),
    ],
    list: [
      run(130, 'list -vv', interrupted),
      run(0, 'list', sandboxed),
      run(0, 'list --no-headers', sandboxed),
      run(0, 'list --from ann --reverse', sandboxed),
      run(0, 'list', pop3(plain)),
      run(0, 'list', pop3(empty)),
      run(0, 'list', pop3(drop)),
      run(64, 'list --limit x'),
      run(64, 'list --no-such-flag'),
      run(66, 'list uid:nothing', sandboxed),
      run(69, 'list --from ann', pop3(plain)),
      run(77, 'list', wrong),
      run(78, 'list', none),
    ],
    stat: [
      run(130, 'stat -vv', interrupted),
      run(0, 'stat', sandboxed),
      run(1, 'stat --check', pop3(empty)),
      run(64, 'stat 1'),
      run(75, 'stat -a gone'),
      run(78, 'stat', none),
    ],
    uidl: [
      run(130, 'uidl -vv', interrupted),
      run(0, 'uidl', sandboxed),
      run(64, 'uidl x y', sandboxed),
      run(69, 'uidl', pop3(plain)),
      run(78, 'uidl', none),
    ],
    top: [
      run(130, 'top 1 -vv', interrupted),
      run(0, 'top all', sandboxed),
      run(0, 'top 1 3', pop3(drop)),
      run(64, 'top'),
      run(66, 'top 9', sandboxed),
      run(69, 'top 1', pop3(plain)),
      run(78, 'top 1', none),
    ],
    retr: [
      run(130, 'retr 1 -vv', interrupted),
      run(0, 'retr all', sandboxed),
      run(0, 'retr 1', pop3(plain)),
      run(0, 'retr all -n', sandboxed),
      run(0, 'retr 1-2 -o mail/', sandboxed),
      run(0, 'retr 1 -o one.eml --delete', pop3(drop)),
      run(69, 'retr 1-3 -o more/ --delete', pop3(drop)),
      run(0, 'retr --from nobody@', sandboxed),
      run(64, 'retr 1 --delete', sandboxed),
      run(64, 'retr -o', sandboxed),
      run(66, 'retr 9', sandboxed),
      run(78, 'retr 1', none),
    ],
    dele: [
      run(130, 'dele 1 -vv', interrupted),
      run(0, 'dele all -n', sandboxed),
      run(0, 'dele --from nobody@ -y', sandboxed),
      run(0, 'dele 1', pop3(drop)),
      run(66, 'dele 1 2', pop3(drop)),
      run(66, 'dele 9', sandboxed),
      run(64, 'dele all', sandboxed),
      run(64, 'dele --no-such-flag'),
      run(78, 'dele 1', none),
    ],
    show: [
      run(130, 'show 1 -vv', interrupted),
      run(0, 'show 1', sandboxed),
      run(0, 'show --file 2.eml'),
      run(0, 'show 1 --part 2', sandboxed),
      run(0, 'show 1 --html', sandboxed),
      run(0, 'show 1 --open', sandboxed),
      run(64, 'show all', sandboxed),
      run(64, 'show --no-such-flag'),
      run(66, 'show 9', sandboxed),
      run(66, 'show --file gone'),
      run(77, 'show', wrong),
      run(78, 'show', none),
    ],
    save: [
      run(130, 'save 1 -vv', interrupted),
      run(0, 'save 1', sandboxed),
      run(0, 'save --file 1.eml all -d saved'),
      run(0, 'save 2', sandboxed),
      run(64, 'save --stdout 1', sandboxed),
      run(64, 'save --no-such-flag'),
      run(66, 'save 1 --match nothing', sandboxed),
      run(78, 'save 1', none),
    ],
    wait: [
      run(130, 'wait -vv', interrupted),
      run(0, 'wait --existing --from ann --link code --code 123456', sandboxed),
      run(0, 'wait --existing -N 3 --timeout 20s', sandboxed),
      run(0, 'wait --existing --from ann --delete', pop3(drop)),
      run(1, 'wait --timeout 1s', sandboxed),
      run(1, 'wait --existing --none --timeout 20s', sandboxed),
      run(64, 'wait -N x'),
      run(64, 'wait --no-such-flag'),
      run(77, 'wait', wrong),
      run(78, 'wait', none),
    ],
    probe: [
      run(130, 'probe pop3 -vv', interrupted),
      run(0, 'probe smtp --login', sandboxed),
      run(0, 'probe pop3 --login', sandboxed),
      run(0, `probe smtp 127.0.0.1:${refusing.port}`),
      run(0, 'probe pop3', pop3(drop)),
      run(1, 'probe smtp --expect X-NO --min-cert-days 99999', sandboxed),
      run(64, 'probe imap'),
      run(64, 'probe'),
      run(75, 'probe smtp 127.0.0.1:1'),
      run(76, 'probe smtp', untrusted),
      run(77, 'probe pop3 --login', wrong),
      run(78, 'probe smtp', none),
    ],
    verify: [
      run(0, 'verify ann@example.org'),
      run(67, 'verify ann@example.org bob@example.org carol@example.org dave@example.org'),
      run(67, 'verify --rcpt ann@example.org bob@example.org'),
      run(0, 'verify --expn staff'),
      run(64, 'verify'),
      run(78, 'verify ann@example.org', none),
    ],
    raw: [
      run(0, `raw smtp 127.0.0.1:${refusing.port} -- NOOP`),
      run(1, `raw smtp 127.0.0.1:${refusing.port} -- NOSUCH`),
      run(0, 'raw pop3 --login -- LIST', pop3(drop)),
      run(64, 'raw smtp -- STARTTLS'),
      run(64, 'raw'),
      run(78, 'raw smtp', none),
    ],
    fetch: [
      run(130, 'fetch --dir d -vv', interrupted),
      run(75, 'fetch --dir d --deadline 1s', pop3(mute)),
      run(0, 'fetch --check -a work'),
      run(69, 'fetch --all-accounts'),
      run(0, 'fetch -n --all --delete --max-size 50 --dir d', pop3(drop)),
      run(0, 'fetch -n --delete --dir d', pop3(drop)),
      run(0, 'fetch --delete --limit 1 --exec true --state-dir other', pop3(drop)),
      run(0, 'fetch --check -a work -a work'),
      run(75, 'fetch -a gone'),
      run(64, 'fetch --no-such-flag'),
      run(64, 'fetch --all-accounts -a work'),
      run(64, 'fetch', pop3(drop)),
      run(78, 'fetch --dir d', none),
    ],
    accounts: [
      run(0, 'accounts list'),
      run(0, 'accounts list', none),
      run(64, 'accounts'),
      run(64, 'accounts frob'),
    ],
    config: [
      run(1, 'config check'),
      run(0, 'config check', sandboxed),
      run(0, 'config explain', { env: { MAILTOOL_SMTP_PASSWORD: 'x' } }),
      run(0, 'config path'),
      run(0, 'config path', none),
      run(64, 'config frob'),
      run(78, 'config explain -a nobody'),
    ],
    sandbox: [
      { ...run(143, 'sandbox -v'), options: { cwd: home, env, onStderr: sendThenEnd() } },
      run(64, 'sandbox --tls=frob'),
      run(64, 'sandbox -- true'),
      run(66, 'sandbox --preload gone'),
    ],
    help: [run(0, 'help'), run(0, 'help cron'), run(0, 'help json list'), run(64, 'help frob')],
    mailtool: [run(64, 'frob'), { exit: 64, args: [] }],
  };
}

/** Sends a message to a sandbox as soon as that says where it is, and ends it when the message is there. */
function sendThenEnd(): NonNullable<RunOptions['onStderr']> {
  let isSent = false;
  return (text, kill) => {
    const server = /SMTP on (\S+),/.exec(text)?.[1];
    if (server !== undefined && !isSent) {
      isSent = true;
      void mailtool([
        'send',
        '--smtp-host',
        server,
        '-f',
        'a@example.org',
        '-t',
        'b@example.org',
        '-m',
        'hi',
      ]);
    }
    if (/: message \S+ from/.test(text)) kill('SIGTERM');
  };
}
