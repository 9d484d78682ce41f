import { type Account, isLoopback } from '../../config/index.ts';
import { ConfigError, InterruptedError, MailError, UsageError } from '../../errors.ts';
import { fieldValue, parseHeader } from '../../mime/index.ts';
import { Deadline } from '../../net/deadline.ts';
import { loginDelay, type Pop3Client, type Pop3Options } from '../../pop3/index.ts';
import { type Context, durationOption } from '../context.ts';
import { EXIT } from '../exit.ts';
import { headerOf } from '../list/summaries.ts';
import { checkMayDelete, mannersOf, pop3Client } from '../pop3-connection.ts';
import { type Known, knownOf } from '../wait/baseline.ts';
import { Pace } from '../wait/pace.ts';
import { watch } from '../wait/watch.ts';
import type { SendOptionValues } from './options.ts';

const USUAL_TIMEOUT = '2m';

/**
 * Gets ready to see a message arrive: logs in to the POP3 server of the settings, once, and notes what is there. What is wrong
 * with it is thrown, as long as nothing has been sent. The answer waits for the message, from the moment that it is called.
 */
export async function confirmation(
  ctx: Context,
  options: SendOptionValues,
  messageId: string | undefined,
): Promise<() => Promise<number>> {
  if (messageId === undefined) {
    throw new UsageError('--confirm needs a message with a Message-ID: nothing else tells it from others');
  }
  const remove = options.confirmDelete === true;
  if (remove) checkMayDelete(ctx);
  const timeout = options.confirmTimeout ?? USUAL_TIMEOUT;
  const timeoutMs = await durationOption('--confirm-timeout', timeout);
  const account = await accountOf(ctx);
  const pop3 = { ...(await ctx.clientOptions(account)), ...mannersOf(ctx.settings) };
  const pace = new Pace({ here: isLoopback(account.host) && account.proxy === undefined });
  const checked = performance.now();
  const seen = await firstLook(pop3, pace).catch((error: unknown) => {
    ctx.output.note('--confirm: the maildrop cannot be looked at, and so nothing is sent');
    throw error;
  });
  return async () => {
    const sinceMs = performance.now() - checked;
    const deadline = Deadline.after(timeoutMs).orEarlier(ctx.deadline);
    const arrival = new Arrival(messageId, seen);
    try {
      const found = await arrival.seenBy(ctx, pop3, pace, { deadline, sinceMs, remove });
      if (found) return EXIT.done;
      const within = deadline.spanMs === timeoutMs ? timeout : `${deadline.spanMs / 1_000}s`;
      ctx.output.note(`the message was sent, and has not come to the maildrop within ${within}`);
    } catch (error) {
      if (error instanceof InterruptedError) {
        ctx.output.note('the message was sent; nobody waits for its coming any more');
      }
      if (!(error instanceof MailError) || error instanceof InterruptedError) throw error;
      ctx.output.note(`the message was sent, and nobody can say whether it came: ${error.message}`);
    }
    return EXIT.no;
  };
}

/** `send` has no flags for it: the hint says where else the settings are. */
async function accountOf(ctx: Context): Promise<Account> {
  try {
    return await ctx.account('pop3');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`--confirm: ${error.message}`, {
      cause: error,
      stage: 'config',
      hint:
        'set MAILTOOL_POP3_HOST, MAILTOOL_POP3_USER and MAILTOOL_POP3_PASSWORD (mailtool help env has all of them), ' +
        'or, with an account, pop3 = { host, user, password-cmd } in the configuration file',
    });
  }
}

async function firstLook(options: Pop3Options, pace: Pace): Promise<Set<string>> {
  const started = performance.now();
  const pop3 = await pop3Client(options);
  try {
    const seen = new Set(knownOf(await pop3.uidl()).map(({ key }) => key));
    await pop3.quit();
    pace.looked(performance.now() - started, loginDelay(pop3.capabilities)?.value);
    return seen;
  } finally {
    pop3.close();
  }
}

interface Limits {
  readonly deadline: Deadline;
  /** How long ago the first look began: the server may want some time between that and the next. */
  readonly sinceMs: number;
  readonly remove: boolean;
}

/** The coming of one message into a maildrop. */
class Arrival {
  readonly #messageId: string;
  readonly #seen: Set<string>;

  constructor(messageId: string, seen: Set<string>) {
    this.#messageId = messageId;
    this.#seen = seen;
  }

  /** Whether it came in time; how long it took is told, and is in the document. */
  async seenBy(ctx: Context, options: Pop3Options, pace: Pace, limits: Limits): Promise<boolean> {
    const sent = performance.now();
    let delayMs = 0;
    const { result, polls } = await watch(ctx, {
      options,
      pace,
      proven: true,
      deadline: limits.deadline,
      delayMs: Math.max(0, pace.loginDelayMs - limits.sinceMs),
      look: async (pop3, there) => {
        const found = await this.#find(pop3, there);
        delayMs = Math.round(performance.now() - sent);
        return found;
      },
      settle: (pop3, { number }) => (limits.remove ? removed(ctx, pop3, number) : pop3.quit()),
    });
    if (result === undefined) return false;
    ctx.output.document({ confirmed: { delayMs, uid: result.uid, polls } });
    ctx.output.success(`it came after ${(delayMs / 1000).toFixed(1)} s (unique-id ${result.uid})`);
    return true;
  }

  async #find(pop3: Pop3Client, there: readonly Known[]): Promise<Known | undefined> {
    const fresh = new Map(there.filter(({ key }) => !this.#seen.has(key)).map((each) => [each.number, each]));
    let found: Known | undefined;
    const hasTop = pop3.capabilities.has('TOP');
    const messages = hasTop ? pop3.tops(fresh.keys(), 0) : pop3.retrs(fresh.keys());
    for await (const { number, bytes, error } of messages) {
      if (error !== undefined) continue; // one that cannot be read holds up no other, and may be read next time
      const known = fresh.get(number);
      const id = fieldValue(parseHeader(await headerOf(bytes)), 'message-id');
      if (known === undefined) continue;
      if (id?.trim() === this.#messageId) found ??= known;
      else this.#seen.add(known.key);
    }
    return found;
  }
}

/** The message came, whatever becomes of its deletion. */
async function removed(ctx: Context, pop3: Pop3Client, number: number): Promise<void> {
  try {
    await pop3.dele(number);
    await pop3.quit();
  } catch (error) {
    if (!(error instanceof MailError) || error instanceof InterruptedError) throw error;
    ctx.output.warn(`the message came, but may still be in the maildrop: ${error.message}`);
  }
}
