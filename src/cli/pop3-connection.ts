import type { Settings } from '../config/index.ts';
import { UsageError } from '../errors.ts';
import type { Pop3Client, Pop3Options } from '../pop3/index.ts';
import { explainSilence, wayTo } from './connection.ts';
import type { Context } from './context.ts';

/** Connects to the POP3 server of the settings and logs in; `change` has the last word on the options. */
export async function connectPop3(
  ctx: Context,
  change: (options: Pop3Options) => Pop3Options = (options) => options,
): Promise<Pop3Client> {
  const account = await ctx.account('pop3');
  const options = { ...(await ctx.clientOptions(account)), ...mannersOf(ctx.settings) };
  ctx.output.verbose(`connecting to ${wayTo(account)}`);
  const pop3 = await pop3Client(change(options));
  tellLanguage(ctx, pop3);
  return pop3;
}

/** What the settings say about the session itself. */
export function mannersOf(settings: Settings): Pick<Pop3Options, 'pipelining' | 'readOnly' | 'language'> {
  const pipelining = settings.text('pipelining');
  return {
    pipelining: pipelining === 'on' || pipelining === 'off' ? pipelining : 'auto',
    readOnly: settings.is('read-only'),
    language: settings.text('pop3.lang'),
  };
}

/** `UsageError` where a command that deletes meets `--read-only`: before anything is asked of a server. */
export function checkMayDelete(ctx: Context): void {
  const readOnly = ctx.settings.stated('read-only');
  if (readOnly === undefined || !ctx.settings.is('read-only')) return;
  throw new UsageError(`nothing may be deleted: ${readOnly.place}`, { stage: 'config' });
}

/** Says so when a server had to be left and asked again, one command at a time. */
export function tellFallback(ctx: Context, { fallback }: Pop3Client): void {
  if (fallback === undefined) return;
  ctx.output.warn(
    `the server announces PIPELINING and got out of step (${fallback.message}); it was asked again, one command at a time: --pipelining off does so at once`,
  );
}

/** Says so when the server's words come in another language than was asked for. */
export function tellLanguage(ctx: Context, { languageProblem }: Pop3Client): void {
  if (languageProblem === undefined) return;
  ctx.output.warn(
    `${ctx.settings.stated('pop3.lang')?.place ?? 'the language'}: ${languageProblem.message}; mailtool probe pop3 lists what it offers`,
  );
}

/** A client for exactly these options. */
export async function pop3Client(options: Pop3Options): Promise<Pop3Client> {
  const { Pop3Client } = await import('../pop3/index.ts');
  return explainSilence(options, (final) => Pop3Client.connect(final));
}

/**
 * Does `work` on a connection to the POP3 server of the settings, and QUITs when it is done: resolves only when the
 * server has said `+OK` to that. When `work` fails the connection is closed without QUIT, so nothing is deleted.
 */
export async function withPop3<T>(ctx: Context, work: (pop3: Pop3Client) => Promise<T>): Promise<T> {
  const pop3 = await connectPop3(ctx);
  let result: T;
  try {
    result = await work(pop3);
  } catch (error) {
    pop3.close();
    throw error;
  }
  tellFallback(ctx, pop3);
  await pop3.quit();
  return result;
}
