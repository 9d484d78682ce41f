import { ConfigError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { EXIT, exitOfSeveral } from '../exit.ts';
import type { Output } from '../output.ts';
import { settle } from '../settle.ts';
import { fetchAccount, NO_COUNTS, NOTHING_FETCHED } from './account.ts';
import { countOption, type FetchOptionValues, policyOf } from './options.ts';
import { inParallel, type Limit } from './schedule.ts';

/** So many accounts at once. */
const JOBS = 4;
/** Many log-ins at one server at once look like an attack, and some refuse them. */
const JOBS_PER_HOST = 2;

/** An account on its way: what it says goes through `output`. */
interface Prepared {
  readonly name: string;
  readonly output: Output;
  /** Absent: its settings are wrong, as `failure` says. */
  readonly ctx: Context | undefined;
  readonly failure: unknown;
  readonly limits: readonly Limit[];
}

/**
 * Fetches for all accounts that are named, or that there are, each with a lock, journal and connection of its own. A failure
 * is told with the account's name, and stops no other. Resolves to the exit code by `exitOfSeveral`.
 */
export async function fetchSeveral(ctx: Context, options: FetchOptionValues): Promise<number> {
  const jobs = options.jobs === undefined ? JOBS : countOption('--jobs', options.jobs);
  if (jobs === 0) throw new UsageError('--jobs 0 would do nothing');
  if (ctx.settings.is('pop3.password-stdin'))
    throw new UsageError('--pop3-password-stdin is for one account: standard input has one password');
  // What is wrong with the flags is wrong once; of --keep-newest each account's own configuration decides.
  const { keepNewest: _, ...flags } = options;
  await policyOf(flags);
  const prepared = await accountsOf(ctx, options.allAccounts === true);
  const exits = await inParallel(prepared, { jobs, limitsOf: ({ limits }) => limits }, async (account) => {
    return settle(account.output, ctx.io, 'mailtool.fetch/1', () => fetchFor(account, options));
  });
  report(ctx, prepared, exits);
  return exitOfSeveral(exits);
}

async function fetchFor(
  { name, ctx, output, failure }: Prepared,
  options: FetchOptionValues,
): Promise<number> {
  output.document({ ...NOTHING_FETCHED, account: name });
  if (ctx === undefined) throw failure;
  try {
    return await fetchAccount(ctx, options);
  } finally {
    ctx.close();
  }
}

async function accountsOf(ctx: Context, all: boolean): Promise<readonly Prepared[]> {
  if (!all) return Promise.all(ctx.accounts.map((name) => prepare(ctx, name)));
  if (ctx.accounts.length > 0) throw new UsageError('--all-accounts and --account exclude each other');
  const { accounts, parents } = ctx.settings;
  const prepared = await Promise.all(accounts.map((name) => prepare(ctx, name)));
  const fetching = prepared.filter(({ name, ctx: own, output }) => {
    const said = (part: 'host' | 'url' | 'user') => own?.settings.stated(`pop3.${part}`) !== undefined;
    const hasServer = said('host') || said('url');
    // What others inherit from may be nothing but that.
    const isFetched = own === undefined || (hasServer && (said('user') || said('url') || !parents.has(name)));
    if (!isFetched) output.verbose('it has no POP3 server and user, and is passed over');
    return isFetched;
  });
  if (fetching.length > 0) return fetching;
  throw new ConfigError('no account has a POP3 server', {
    stage: 'config',
    hint: 'mailtool accounts list shows what there is; mailtool config path says where it is looked for',
  });
}

async function prepare(ctx: Context, name: string): Promise<Prepared> {
  const output = await ctx.output.ofAccount(name);
  try {
    const own = await ctx.forAccount(name, output);
    const { saidEndpoint } = await import('../../config/index.ts');
    const { host, port, user } = saidEndpoint(own.settings, 'pop3');
    const server = host?.value.toLowerCase() ?? '';
    return {
      name,
      output,
      ctx: own,
      failure: undefined,
      limits: [
        { group: server, most: JOBS_PER_HOST },
        // Two names for one account: the second waits for the first, and is not locked out by it.
        { group: `${server}\0${port?.value}\0${user?.value}`, most: 1 },
      ],
    };
  } catch (failure) {
    return { name, output, ctx: undefined, failure, limits: [] };
  }
}

/** The line of the whole run. */
function report(ctx: Context, prepared: readonly Prepared[], exits: readonly number[]): void {
  const totals = Object.fromEntries(
    Object.keys(NO_COUNTS).map((key) => [
      key,
      prepared.reduce((sum, { output }) => sum + Number(output.documented[key] ?? 0), 0),
    ]),
  );
  const accounts = prepared.map(({ name }, at) => {
    const exit = exits[at] ?? EXIT.bug;
    return { account: name, ok: exit === EXIT.done, exit };
  });
  ctx.output.document({ accounts, ...totals });
  const failed = accounts.filter(({ exit }) => exit !== EXIT.done && exit !== EXIT.no);
  if (failed.length === 0) return;
  const exit = exitOfSeveral(exits);
  ctx.output.document({
    error: {
      code: 'EACCOUNTS',
      exit,
      stage: null,
      message: `${failed.length} of ${accounts.length} accounts failed: ${failed.map(({ account }) => account).join(', ')}`,
      hint: 'the line of each account says why',
      retryable: exit === EXIT.tryLater,
      reply: null,
    },
  });
}
