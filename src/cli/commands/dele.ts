import { InputError, type RejectedError, UsageError } from '../../errors.ts';
import type { Pop3Client } from '../../pop3/index.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { defineFilters, FILTER_HELP, type FilterOptions, filterOf } from '../filter.ts';
import { readMaildrop, totalSize } from '../maildrop.ts';
import { needsUids, plan, selectionOf } from '../plan.ts';
import { checkMayDelete, connectPop3, tellFallback } from '../pop3-connection.ts';
import { octets } from '../progress.ts';
import { SELECTION_HELP } from '../selection.ts';
import { type Target, targetLine, targetsOf } from '../target.ts';
import type { CommandDefinition } from './command.ts';

interface Options extends FilterOptions {
  readonly dryRun?: true;
  readonly yes?: true;
}

/** So many are listed before a question. */
const PREVIEW = 20;

export const command: CommandDefinition<Options> = {
  connects: ['pop3'],
  document: { committed: false, deleted: [] },
  examples: [
    'mailtool dele uid:UID123',
    'mailtool dele --from cron@ --before 30d --dry-run',
    'mailtool dele all -y',
  ],
  notes: `All or nothing: when one of them is not there, or the server refuses one, none is deleted. What was deleted is
said only after the server has confirmed it. Ranges, first, last, all and filters are asked about, or need -y.
${SELECTION_HELP}${FILTER_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection...]', 'the messages; unique-ids in full')
        .option('-n, --dry-run', 'say what would be deleted, and delete nothing')
        .option('-y, --yes', 'do not ask'),
    ),
  async run(ctx, words, options) {
    const filter = await filterOf(ctx, options);
    const selection = selectionOf(words, filter);
    const dryRun = options.dryRun === true;
    if (!dryRun) checkMayDelete(ctx);
    const asks = (!selection.exact || filter !== undefined) && options.yes !== true && !dryRun;
    if (asks && !ctx.interactive) {
      throw new UsageError(
        `dele ${words.join(' ') || 'with filters alone'} may take more than you have seen`,
        {
          hint: 'confirm it with -y; or look first, with --dry-run; or name unique-ids (uid:...)',
        },
      );
    }
    const pop3 = await connectPop3(ctx);
    try {
      const { rows } = await readMaildrop(pop3, needsUids(selection, filter) ? 'needed' : 'wanted');
      const chosen = await plan(ctx, pop3, selection, filter, rows, { whole: true });
      const targets = await targetsOf(ctx, pop3, chosen);
      if (dryRun || targets.length === 0) {
        await pop3.quit();
        if (dryRun) ctx.output.document({ dryRun, deleted: targets });
        for (const target of targets) ctx.output.line(`would delete ${targetLine(target)}`);
        return EXIT.done;
      }
      if (asks && !(await approved(ctx, targets, totalSize(chosen.rows)))) {
        await pop3.quit();
        ctx.output.note('nothing was deleted');
        return EXIT.no;
      }
      await remove(ctx, pop3, targets);
      tellFallback(ctx, pop3);
      for (const target of targets) ctx.output.line(`deleted ${targetLine(target)}`);
      return EXIT.done;
    } finally {
      pop3.close();
    }
  },
};

async function approved(ctx: Context, targets: readonly Target[], size: number): Promise<boolean> {
  const more = targets.length - PREVIEW;
  for (const target of targets.slice(0, PREVIEW)) ctx.io.stderr.write(`  ${targetLine(target)}\n`);
  if (more > 0) ctx.io.stderr.write(`  and ${more} more\n`);
  const what = targets.length === 1 ? 'this message' : `these ${targets.length} messages`;
  return confirm(ctx, `Delete ${what} (${octets(size)})?`);
}

/** Marks all of them and has the server confirm it; on any refusal takes every mark back. */
async function remove(ctx: Context, pop3: Pop3Client, targets: readonly Target[]): Promise<void> {
  const refused = await pop3.deles(targets.map(({ number }) => number));
  const [refusal] = refused;
  if (refusal !== undefined) {
    await pop3.rset();
    await pop3.quit();
    throw notDeleted(...refusal);
  }
  // From here on only the server knows, until it has answered.
  ctx.output.document({ committed: null, deleted: targets });
  await pop3.quit();
  ctx.output.document({ committed: true });
}

function notDeleted(number: number, refusal: RejectedError): Error {
  if (refusal.retryable) return refusal;
  return new InputError(`nothing was deleted, because message ${number} cannot be: ${refusal.message}`, {
    stage: 'dele',
    command: refusal.command,
    reply: refusal.reply,
    cause: refusal,
  });
}
