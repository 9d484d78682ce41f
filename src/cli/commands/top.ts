import { UsageError } from '../../errors.ts';
import { EXIT } from '../exit.ts';
import { defineFilters, FILTER_HELP, type FilterOptions, filterOf } from '../filter.ts';
import { readMaildrop } from '../maildrop.ts';
import { needsUids, plan, selectionOf } from '../plan.ts';
import { withPop3 } from '../pop3-connection.ts';
import { SELECTION_HELP } from '../selection.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<FilterOptions> = {
  connects: ['pop3'],
  document: { messages: [] },
  examples: ['mailtool top last', 'mailtool top 3 20', 'mailtool top uid:UID123 > header.txt'],
  notes: `${SELECTION_HELP}${FILTER_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection]', 'the messages')
        .argument('[lines]', 'so many lines of the body as well', '0'),
    ),
  async run(ctx, [word, count = '0'], options) {
    const filter = await filterOf(ctx, options);
    const selection = selectionOf(word === undefined ? [] : [word], filter);
    if (!/^\d{1,9}$/.test(count)) throw new UsageError(`${JSON.stringify(count)} is no number of lines`);
    const { output } = ctx;
    const messages: Record<string, unknown>[] = [];
    output.document({ messages });
    await withPop3(ctx, async (pop3) => {
      const uids = needsUids(selection, filter) ? 'needed' : output.json ? 'wanted' : 'no';
      const { rows } = await readMaildrop(pop3, uids);
      const chosen = (await plan(ctx, pop3, selection, filter, rows)).rows;
      const byNumber = new Map(chosen.map((row) => [row.number, row]));
      for await (const { number, bytes, error } of pop3.tops(byNumber.keys(), Number(count))) {
        if (error !== undefined) throw error;
        const { size = 0, uid } = byNumber.get(number) ?? {};
        const kept: Buffer[] = [];
        for await (const chunk of bytes) {
          if (output.json) kept.push(Buffer.from(chunk));
          else await output.bytes(chunk);
        }
        const base64 = Buffer.concat(kept).toString('base64');
        messages.push({ number, uid: uid ?? null, size, raw: { base64 } });
      }
    });
    return EXIT.done;
  },
};
