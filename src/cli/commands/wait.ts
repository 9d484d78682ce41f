import { type Account, isLoopback } from '../../config/index.ts';
import { TimeoutError, UsageError } from '../../errors.ts';
import { Deadline } from '../../net/deadline.ts';
import type { Pop3Client, Pop3Options } from '../../pop3/index.ts';
import { wayTo } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { CONTENT_FILTER_HELP, parseFilter } from '../filter.ts';
import { checkMayDelete, mannersOf } from '../pop3-connection.ts';
import { type Known, keysOf } from '../wait/baseline.ts';
import { type Destinations, destinationsOf } from '../wait/destinations.ts';
import { bodyTest, codeFinder, linkFinder } from '../wait/find.ts';
import { type Criteria, Judge, type Match } from '../wait/judge.ts';
import {
  defineWait,
  type Print,
  USUAL_TIMEOUT,
  type WaitOptions,
  type Wanted,
  wantedOf,
} from '../wait/options.ts';
import { Pace } from '../wait/pace.ts';
import { documentOf, printed, printMatch, saveMatch } from '../wait/print.ts';
import { checkSnapshotPlace, readSnapshot, writeSnapshot } from '../wait/snapshot.ts';
import { type Watched, watch } from '../wait/watch.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<WaitOptions> = {
  connects: ['pop3'],
  document: { matched: [], link: null, code: null, waitedMs: 0, polls: 0 },
  // Whoever says how long to wait says --timeout.
  renames: { timeout: '--idle-timeout <duration>' },
  examples: [
    'LINK=$(mailtool wait --to "$ADDR" --subject Confirm --print link --timeout 90s) && curl -fsS "$LINK"',
    'mailtool wait --snapshot before && ./sign-up && mailtool wait --since-snapshot before --from shop@ --print code',
    'mailtool wait --to "$ADDR" --none --timeout 30s || echo "there was mail, and there should be none"',
  ],
  notes: `Exit 0: it came. 1: it did not come in time; with --none, it came. 75: the maildrop could not be looked at; with --none,
not until the end. Only mail counts that was not there when the wait began, so begin before the mail is caused: take
a --snapshot first, or wait with --existing for a recipient, or a subject, that is used once. What asks for a link
or a code passes over messages that have none; of several the first is taken, with a warning.
Each look is a session of its own. A server that is busy ([IN-USE]), out of reach or silent is asked again, less and
less often, and never more often than its LOGIN-DELAY allows; a refused password or certificate ends the wait, and so
does a server that was not reached once within 10 seconds.
--timeout is the time for all of it; how long the server may be silent is --idle-timeout here (MAILTOOL_TIMEOUT).
Of a text the first 256 K characters are looked at. In GitHub Actions text, and what looks like a workflow command,
is printed between ::stop-commands:: lines; --gh-output, --json and files have it as it is.
${CONTENT_FILTER_HELP}`,
  define: defineWait,
  async run(ctx, _, options) {
    const started = performance.now();
    if (options.delete === true) checkMayDelete(ctx);
    const account = await ctx.account('pop3');
    const wanted = await wantedOf(options, account);
    try {
      if (options.snapshot !== undefined) return await snapshot(ctx, options.snapshot, wanted, account);
      return await wait(ctx, options, wanted, account);
    } finally {
      ctx.output.document({ waitedMs: Math.round(performance.now() - started) });
    }
  },
};

/** What all looks have in common; the password is read once. */
async function lookingAt(
  ctx: Context,
  { timeoutMs, intervalMs }: Wanted,
  account: Account,
  untilTheEnd: boolean,
): Promise<{ readonly options: Pop3Options; readonly deadline: Deadline; readonly pace: Pace }> {
  const deadline = Deadline.after(timeoutMs).orEarlier(ctx.deadline);
  const options = { ...(await ctx.clientOptions(account)), ...mannersOf(ctx.settings) };
  const here = isLoopback(account.host) && account.proxy === undefined;
  ctx.output.verbose(`looking at ${wayTo(account)}`);
  return { options, deadline, pace: new Pace({ here, intervalMs, untilTheEnd }) };
}

/** Notes the unique-ids that are there now. */
async function snapshot(ctx: Context, path: string, wanted: Wanted, account: Account): Promise<number> {
  if (ctx.output.json && path === '-') {
    throw new UsageError('standard output cannot hold both a snapshot and a JSON document');
  }
  await checkSnapshotPlace(path);
  const at = await lookingAt(ctx, wanted, account, false);
  const watched = await watch(ctx, { ...at, look: (_, there) => Promise.resolve({ there }) });
  ctx.output.document({ polls: watched.polls });
  const { result } = watched;
  if (result === undefined) throw watched.trouble ?? notLooked(account);
  const uids = result.there.map(({ uid }) => uid);
  await writeSnapshot(ctx, path, account, uids);
  ctx.output.success(`${uids.length} ${uids.length === 1 ? 'message is' : 'messages are'} there already`);
  return EXIT.done;
}

async function wait(ctx: Context, options: WaitOptions, wanted: Wanted, account: Account): Promise<number> {
  const none = options.none === true;
  const criteria = await criteriaOf(ctx, options, wanted);
  const shown = new Shown(ctx, options, wanted);
  const before = await beforeOf(ctx, options, account);
  const at = await lookingAt(ctx, wanted, account, none);
  const judgeOver = (seen: Set<string>) => new Judge(ctx, criteria, at.deadline, seen);
  let judge = before === undefined ? undefined : judgeOver(before);
  const watched = await watch(ctx, {
    ...at,
    async look(pop3, there, polls) {
      if (judge === undefined) {
        if (polls > 1) {
          ctx.output.warn(
            'the first look failed: what came until the next does not count (a --snapshot, or --existing, would know)',
          );
        }
        ctx.output.verbose(`${there.length} messages are there already`);
        judge = judgeOver(new Set(there.map(({ key }) => key)));
        return undefined;
      }
      for await (const match of judge.matches(pop3, there)) {
        await shown.show(match);
        if (none || shown.matched.length >= wanted.count) return { there };
      }
      return undefined;
    },
    async settle(pop3, { there }) {
      await shown.write();
      if (options.delete === true) await remove(ctx, pop3, shown.matched, there);
      else await pop3.quit();
    },
  });
  ctx.output.document({ polls: watched.polls });
  if (watched.result !== undefined) {
    if (!none) return EXIT.done;
    ctx.output.note(`a message matches: ${shown.matched[0]?.uid ?? ''}`);
    return EXIT.no;
  }
  // "It did not come" can only be said by who has looked.
  if (!watched.looked && shown.matched.length === 0) throw watched.trouble ?? notLooked(account);
  if (!none) {
    const ownMs = at.deadline.spanMs === wanted.timeoutMs ? undefined : at.deadline.spanMs;
    const within = ownMs === undefined ? (options.timeout ?? USUAL_TIMEOUT) : `${ownMs / 1_000}s`;
    tellMissing(ctx, watched, { ...wanted, code: options.code, within, shown, lacking: judge?.lacking ?? 0 });
    return EXIT.no;
  }
  if (watched.trouble !== undefined) throw watched.trouble;
  if (!watched.toTheEnd) throw notLooked(account);
  return EXIT.done;
}

/** The keys of what does not count; undefined: that is what the first look finds. */
async function beforeOf(
  ctx: Context,
  { existing, sinceSnapshot }: WaitOptions,
  account: Account,
): Promise<Set<string> | undefined> {
  if (existing === true) return new Set();
  return sinceSnapshot === undefined ? undefined : keysOf(await readSnapshot(ctx, sinceSnapshot, account));
}

async function criteriaOf(ctx: Context, options: WaitOptions, { print }: Wanted): Promise<Criteria> {
  const needsLink = print === 'link' || options.link !== undefined;
  const needsCode = print === 'code' || options.code !== undefined;
  const outOfHeader = print === undefined || print === 'uid' || print === 'subject';
  return {
    filter: await parseFilter(options),
    body: options.body === undefined ? undefined : bodyTest(options.body),
    link: linkFinder(options.link),
    code: codeFinder(options.code),
    needsLink,
    needsCode,
    needsWhole:
      !outOfHeader ||
      needsLink ||
      needsCode ||
      ctx.output.json ||
      options.body !== undefined ||
      options.save !== undefined,
  };
}

/** What matched, and what is made of it: printed, kept and handed on. */
class Shown {
  readonly matched: Match[] = [];
  readonly #ctx: Context;
  readonly #options: WaitOptions;
  readonly #wanted: Wanted;
  readonly #destinations: Destinations;
  readonly #documents: Record<string, unknown>[] = [];
  #write: () => Promise<void> = () => Promise.resolve();

  constructor(ctx: Context, options: WaitOptions, wanted: Wanted) {
    this.#ctx = ctx;
    this.#options = options;
    this.#wanted = wanted;
    this.#destinations = destinationsOf(ctx, options, wanted.print);
  }

  async show(match: Match): Promise<void> {
    const { output } = this.#ctx;
    const { print, count } = this.#wanted;
    this.matched.push(match);
    if (print !== undefined && print !== 'raw') {
      const values = this.matched.map((each) => printed(each, print));
      this.#write = this.#destinations.prepared(values);
      this.#destinations.mask(values.at(-1) ?? '');
      this.#tellOthers(match, print);
    }
    if (output.json) {
      const document = documentOf(match);
      this.#documents.push(document);
      const [first] = this.matched;
      output.document({
        matched: this.#documents,
        link: first?.link?.value ?? null,
        code: first?.code?.value ?? null,
      });
      if (count > 1) await output.event({ schema: 'mailtool.wait/1', event: 'matched', ...document });
    } else if (print !== undefined) {
      await printMatch(this.#ctx, match, print);
    }
    if (this.#options.save !== undefined) {
      await saveMatch(match, this.#options.save, this.#options.force === true);
    }
  }

  /** For the steps and jobs that follow, once all is there. */
  write(): Promise<void> {
    return this.#write();
  }

  #tellOthers({ link, code }: Match, print: Print): void {
    const finding = print === 'link' ? link : print === 'code' ? code : undefined;
    const others = finding?.others ?? 0;
    if (others === 0) return;
    const how = print === 'link' ? '--link TEXT' : '--code REGEX';
    this.#ctx.output.warn(
      `the message has ${others + 1} such ${print}s, and the first is taken: ${how} says which is meant`,
    );
  }
}

/** Marks what matched, by its numbers in this session, and has the server confirm that it is gone. */
async function remove(
  ctx: Context,
  pop3: Pop3Client,
  matched: readonly Match[],
  there: readonly Known[],
): Promise<void> {
  const keys = new Set(matched.map(({ key }) => key));
  const targets = there.filter(({ key }) => keys.has(key));
  const refused = await pop3.deles(targets.map(({ number }) => number));
  const deleted = targets.filter(({ number }) => !refused.has(number)).map(({ uid }) => uid);
  // From here on only the server knows, until it has answered QUIT.
  ctx.output.document({ committed: null, deleted });
  await pop3.quit();
  ctx.output.document({ committed: true });
  const [refusal] = refused.values();
  if (refusal !== undefined) throw refusal;
}

/** The answer is no: one line says so, and why that may be. */
function tellMissing(
  { output }: Context,
  { polls, trouble, toTheEnd }: Watched<object>,
  asked: Pick<Wanted, 'print' | 'count'> & {
    readonly code: string | undefined;
    readonly within: string;
    readonly shown: Shown;
    readonly lacking: number;
  },
): void {
  const { print, count, code, within, shown, lacking } = asked;
  const what = count > 1 ? `${shown.matched.length} of ${count} messages came` : 'no message came';
  const missed = code !== undefined || print === 'code' ? 'code' : 'link';
  const why = [
    lacking > 0 ? `${lacking} had no such ${missed}` : '',
    trouble === undefined ? '' : `the last look failed: ${trouble.message}`,
    toTheEnd ? '' : 'the server allows no further log-in until then (LOGIN-DELAY)',
  ].filter((each) => each !== '');
  const looked = polls === 1 ? 'once' : `${polls} times`;
  output.note([`${what} within ${within} (looked ${looked})`, ...why].join('; '));
}

function notLooked({ host, port }: Account): TimeoutError {
  return new TimeoutError(
    'the maildrop could not be looked at until the end',
    { phase: 'established', host, port },
    { hint: 'a longer --timeout leaves room for the time that the server wants between two log-ins' },
  );
}
