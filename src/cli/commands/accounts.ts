import type { Protocol, Settings } from '../../config/index.ts';
import { MailError, UsageError } from '../../errors.ts';
import { placeOf } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { CommandDefinition } from './command.ts';

interface Server {
  readonly host: string;
  /** Null: the usual one. */
  readonly port: number | null;
  readonly user: string | null;
}

interface Listed {
  readonly account: string;
  readonly default: boolean;
  readonly from: string | null;
  readonly smtp: Server | null;
  readonly pop3: Server | null;
  /** What is wrong with it. */
  readonly error: string | null;
}

export const command: CommandDefinition = {
  configured: true,
  document: { accounts: [] },
  examples: ['mailtool accounts list', "mailtool accounts list --json | jq -r '.accounts[].account'"],
  notes:
    'A line for each account of the configuration file: name (* the default one), SMTP server, POP3 server, From. With tabs.\n',
  define: (program) => program.argument('<action>', 'list'),
  async run(ctx, [action]) {
    if (action !== 'list')
      throw new UsageError(`accounts can be listed: '${action}' is nothing to do with them`);
    const layers = await import('../../config/index.ts');
    const settings = await ctx.settingsWith({}, layers.SEVERAL);
    for (const warning of settings.warnings) ctx.output.warn(warning);
    const { chosen, problem } = await chosenOf(ctx);
    const accounts: Listed[] = [];
    for (const name of settings.accounts) accounts.push(await look(ctx, name, name === chosen));
    if (problem !== undefined && !accounts.some(({ error }) => error === problem)) ctx.output.warn(problem);
    for (const { account, smtp, pop3, from, error, ...row } of accounts) {
      const fields = error === null ? [shown(smtp), shown(pop3), from ?? '-'] : [error];
      ctx.output.line([`${account}${row.default ? '*' : ''}`, ...fields].join('\t'));
    }
    ctx.output.document({ accounts });
    return EXIT.done;
  },
};

/** The account that a run takes when none is named, or what is wrong with it, which is no reason not to list the others. */
async function chosenOf(
  ctx: Context,
): Promise<{ readonly chosen?: string | undefined; readonly problem?: string }> {
  try {
    return { chosen: (await ctx.settingsWith({})).account };
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return { problem: error.message };
  }
}

async function look(ctx: Context, account: string, isDefault: boolean): Promise<Listed> {
  const nothing = { account, default: isDefault, from: null, smtp: null, pop3: null };
  try {
    const settings = await ctx.settingsWith({}, account);
    const [smtp, pop3] = await Promise.all([serverOf(settings, 'smtp'), serverOf(settings, 'pop3')]);
    return { ...nothing, from: settings.text('from') ?? null, smtp, pop3, error: null };
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return { ...nothing, error: error.message };
  }
}

async function serverOf(settings: Settings, protocol: Protocol): Promise<Server | null> {
  const { saidEndpoint } = await import('../../config/index.ts');
  const { host, port, user } = saidEndpoint(settings, protocol);
  if (host === undefined) return null;
  return { host: host.value, port: port?.value ?? null, user: user?.value ?? null };
}

function shown(server: Server | null): string {
  if (server === null) return '-';
  const { host, port } = server;
  return port === null ? host : placeOf({ host, port });
}
