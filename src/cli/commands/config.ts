import { existsSync } from 'node:fs';
import type { Protocol, Settings } from '../../config/index.ts';
import { MailError, UsageError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition = {
  configured: true,
  examples: ['mailtool config check', 'mailtool config explain -a work', '$EDITOR "$(mailtool config path)"'],
  notes: `check    reads everything, connects to nothing, and says what is wrong with any account: exit 1 if anything is
explain  each value that counts, and where it was said; passwords and commands as ***
path     the configuration file that is used, or where it would be
`,
  define: (program) => program.argument('<action>', 'check, explain or path'),
  run(ctx, [action = '']) {
    const actions: Readonly<Record<string, (ctx: Context) => Promise<number>>> = { check, explain, path };
    const chosen = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (chosen !== undefined) return chosen(ctx);
    return Promise.reject(
      new UsageError(`config does not know '${action}'`, { hint: 'it has check, explain and path' }),
    );
  },
};

async function path(ctx: Context): Promise<number> {
  // Whatever is wrong in it, or with it: this is how to get there.
  await ctx.settingsWith({}).catch(() => undefined);
  const files = (await ctx.config()).looked.map(({ path, layer }) => ({
    path,
    layer,
    found: existsSync(path),
  }));
  const used = files.find(({ found }) => found) ?? files[0];
  if (used !== undefined) ctx.output.line(used.path);
  ctx.output.document({ path: used?.path ?? null, files });
  return EXIT.done;
}

async function explain(ctx: Context): Promise<number> {
  ctx.output.document({ account: null, settings: [] });
  const { describeSettings } = await import('../../config/index.ts');
  const settings = await ctx.settingsWith({});
  for (const warning of settings.warnings) ctx.output.warn(warning);
  const said = describeSettings(settings).filter(({ layer }) => layer !== 'default');
  const options = await optionsOf(settings);
  for (const { key, value, place } of [...said, ...options]) ctx.output.line(`${key} = ${value}\t${place}`);
  ctx.output.document({ account: settings.account ?? null, settings: [...said, ...options] });
  return EXIT.done;
}

/** What stands for `fetch`, as it counts; a command may have a password in it. */
async function optionsOf(
  settings: Settings,
): Promise<{ key: string; value: string; layer: string; place: string }[]> {
  const { partnersOf } = await import('../fetch/configured.ts');
  const decided = new Set<string>();
  return settings.commandTables('fetch').flatMap((table) => {
    const counting = [...table].filter(([name]) => !decided.has(name));
    for (const name of table.keys()) for (const partner of partnersOf(name)) decided.add(partner);
    return counting.map(([name, { value, layer, place }]) => ({
      key: `fetch.${name}`,
      value: name === 'exec' ? '***' : String(value),
      layer,
      place,
    }));
  });
}

interface Problem {
  readonly account: string | null;
  readonly message: string;
  readonly hint: string | null;
}

async function check(ctx: Context): Promise<number> {
  ctx.output.document({ accounts: [], problems: [] });
  const problems: Problem[] = [];
  const trying = async (account: string | null, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof MailError)) throw error;
      if (!problems.some(({ message }) => message === error.message))
        problems.push({ account, message: error.message, hint: error.hint ?? null });
    }
  };
  let accounts: readonly string[] = [];
  let parents: ReadonlySet<string> = new Set();
  const layers = await import('../../config/index.ts');
  await trying(null, async () => {
    const settings = await ctx.settingsWith({}, layers.SEVERAL);
    ({ accounts, parents } = settings);
    for (const warning of settings.warnings) ctx.output.warn(warning);
  });
  for (const name of accounts)
    await trying(name, async () => checkAccount(ctx, await ctx.settingsWith({}, name), parents.has(name)));
  // What counts when no account is named; what is wrong with the default one has been said under its name.
  await trying(null, async () => {
    const settings = await ctx.settingsWith({});
    if (settings.account === undefined) await checkAccount(ctx, settings, false);
  });
  for (const { account, message, hint } of problems) {
    ctx.output.line(
      `${account === null ? '' : `${account}: `}${message}${hint === null ? '' : ` (${hint})`}`,
    );
  }
  if (problems.length === 0)
    ctx.output.success(
      `${accounts.length === 1 ? '1 account' : `${accounts.length} accounts`}, nothing wrong`,
    );
  ctx.output.document({ accounts, problems });
  return problems.length === 0 ? EXIT.done : EXIT.no;
}

/** Throws what is wrong with the servers that are named. One that others inherit from need not be complete. */
async function checkAccount(ctx: Context, settings: Settings, isParent: boolean): Promise<void> {
  const { saidEndpoint, serverAccount } = await import('../../config/index.ts');
  for (const protocol of ['smtp', 'pop3'] satisfies Protocol[]) {
    const { host, user } = saidEndpoint(settings, protocol);
    if (host === undefined || (isParent && user === undefined)) continue;
    serverAccount(settings, protocol);
  }
  const { withConfigured } = await import('../fetch/configured.ts');
  await withConfigured({}, settings.commandTables('fetch'), ctx.io.env);
}
