import { UsageError } from '../../errors.ts';
import { type Sandbox, type SandboxEvent, type SandboxOptions, startSandbox } from '../../sandbox/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { removeReadyFile, shellLines, writeReadyFile } from '../ready-file.ts';
import { runChild } from '../run-child.ts';
import type { CommandDefinition } from './command.ts';

interface Options {
  readonly smtpPort?: string;
  readonly pop3Port?: string;
  readonly tls?: string | true;
  readonly user?: string;
  readonly password?: string;
  readonly requireAuth?: true;
  readonly dir?: string;
  readonly preload?: readonly string[];
  readonly fault?: readonly string[];
  readonly readyFile?: string;
  readonly printEnv?: true;
}

const collect = (value: string, earlier: readonly string[] = []) => [...earlier, value];

export const command: CommandDefinition<Options> = {
  examples: [
    "mailtool sandbox -- sh -c 'echo hi | mailtool send -t me@test -s demo && mailtool list'",
    "mailtool sandbox --tls --fault 'rcpt:450@2' -- ./test-my-program.sh",
    'mailtool sandbox --ready-file vars.sh & ... ; . ./vars.sh; mailtool list',
  ],
  notes:
    'Listens on this machine only. With a command: sets MAILTOOL_SMTP_*, MAILTOOL_POP3_*, SMTP_HOST and SMTP_PORT,\n' +
    'runs it, stops, and returns its exit code (128+n after signal n). Without one: runs until it is interrupted.\n',
  define: (program) =>
    program
      .argument('[command...]', 'after --: the command to run, with its arguments')
      .option('--smtp-port <port>', 'port for SMTP (0: a free one)')
      .option('--pop3-port <port>', 'port for POP3 (0: a free one)')
      .option('--tls [how]', 'offer TLS with a throw-away certificate: starttls (the default) or implicit')
      .option('--user <name>', 'the one user (sandbox)')
      .option(
        '--password <password>',
        'its password: never a real one, other users can see it (a random one)',
      )
      .option('--require-auth', 'take mail only after a log-in')
      .option('--dir <directory>', 'keep the messages here, and begin with those that are there')
      .option('--preload <file>', 'put this message into the maildrop at the start (repeatable)', collect)
      .option(
        '--fault <fault>',
        'misbehave: STAGE:ACTION[@WHEN], as in rcpt:450@2, eod:lose, retr:cut (repeatable)',
        collect,
      )
      .option('--ready-file <file>', 'write the variables to this file, in one piece, as soon as it runs')
      .option('--print-env', 'print the variables as lines for a shell'),
  async run(ctx, args, options) {
    const settings = sandboxOptions(options);
    if (args.length > 0 && ctx.output.json) {
      throw new UsageError('--json cannot go with a command: standard output belongs to the command');
    }
    ctx.io.takeSignals();
    const chatty = args.length === 0;
    await using sandbox = await startSandbox({ ...settings, onEvent: (event) => tell(ctx, event, chatty) });
    return await whileRunning(ctx, sandbox, args, options);
  },
};

async function whileRunning(
  ctx: Context,
  sandbox: Sandbox,
  args: readonly string[],
  { readyFile, printEnv }: Options,
): Promise<number> {
  const { output } = ctx;
  const variables = sandbox.environment();
  if (readyFile !== undefined) await writeReadyFile(readyFile, variables);
  try {
    if (printEnv === true) {
      output.line(shellLines(variables));
      await output.flush();
    }
    await output.event({ schema: 'mailtool.sandbox/1', event: 'ready', environment: variables });
    const [program, ...rest] = args;
    if (program !== undefined) return await runChild(ctx, program, rest, childEnvironment(ctx, variables));
    output.note(
      `SMTP on ${sandbox.smtp.host}:${sandbox.smtp.port}, POP3 on ${sandbox.pop3.host}:${sandbox.pop3.port}, user ${sandbox.username}, password ${sandbox.password}; ends with Ctrl-C`,
    );
    await aborted(ctx.signal);
    return ctx.signal.reason === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  } finally {
    if (readyFile !== undefined) await removeReadyFile(readyFile);
  }
}

/** A server of the outer environment must not shine through: a URL beside our host would even contradict it. */
function childEnvironment(
  ctx: Context,
  variables: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const outer = Object.entries(ctx.io.env).filter(
    ([name]) => !/^MAILTOOL_(?:(?:SMTP|POP3|TLS)_|(?:LOCAL_ADDRESS|ACCOUNT)$)/.test(name),
  );
  // None, rather than nothing: a ./.env may name a proxy, and a configuration file a default account.
  return { ...Object.fromEntries(outer), MAILTOOL_PROXY: 'none', MAILTOOL_CONFIG: 'none', ...variables };
}

function sandboxOptions(options: Options): SandboxOptions {
  const { tls, user, password, dir, preload, fault, requireAuth } = options;
  if (tls !== undefined && tls !== true && tls !== 'starttls' && tls !== 'implicit') {
    throw new UsageError(`--tls is starttls or implicit, not '${tls}'`, {
      hint: 'before a command write it as --tls=starttls, and -- before the command',
    });
  }
  return {
    smtpPort: port('--smtp-port', options.smtpPort),
    pop3Port: port('--pop3-port', options.pop3Port),
    ...(tls === undefined ? {} : { tls }),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(requireAuth === undefined ? {} : { requireAuth }),
    ...(dir === undefined ? {} : { directory: dir }),
    ...(preload === undefined ? {} : { preload }),
    ...(fault === undefined ? {} : { faults: fault }),
  };
}

function port(flag: string, text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`${flag} ${text}: not a port`, { hint: 'a number from 0 (a free one) to 65535' });
}

function tell({ output }: Context, event: SandboxEvent, chatty: boolean): void {
  const say = (text: string) => (chatty && output.stderrIsTTY ? output.note(text) : output.verbose(text));
  switch (event.type) {
    case 'message': {
      const { uniqueId, reversePath, recipients, size, path } = event.message;
      say(`message ${uniqueId} from <${reversePath}> to ${recipients.join(', ')}, ${size} octets`);
      void output.event({ event: 'message', uid: uniqueId, from: reversePath, to: recipients, size, path });
      break;
    }
    case 'login':
      say(`${event.protocol}: log-in by ${event.mechanism} ${event.ok ? 'accepted' : 'refused'}`);
      break;
    case 'retrieved':
      say(`message ${event.uniqueId} retrieved`);
      break;
    case 'deleted':
      say(`deleted: ${event.uniqueIds.join(', ')}`);
      break;
    case 'fault':
      say(`${event.protocol}: fault ${event.fault}`);
      break;
    default:
      output.verbose(`${event.protocol}: ${event.type === 'connect' ? 'connected' : 'closed'}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Listening for a signal does not keep the process alive: the servers do.
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
