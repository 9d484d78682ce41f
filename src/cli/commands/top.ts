import { UsageError } from '../../errors.ts';
import { EXIT } from '../exit.ts';
import { readMaildrop } from '../maildrop.ts';
import { withPop3 } from '../pop3-connection.ts';
import { parseSelection, SELECTION_HELP, select } from '../selection.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition = {
  connects: ['pop3'],
  examples: ['mailtool top last', 'mailtool top 3 20', 'mailtool top uid:UID123 > header.txt'],
  notes: SELECTION_HELP,
  define: (program) =>
    program
      .argument('<selection>', 'the messages')
      .argument('[lines]', 'so many lines of the body as well', '0'),
  async run(ctx, [word = '', count = '0']) {
    const selection = parseSelection([word]);
    if (!/^\d{1,9}$/.test(count)) throw new UsageError(`${JSON.stringify(count)} is no number of lines`);
    const { output } = ctx;
    const messages: Record<string, unknown>[] = [];
    output.document({ messages });
    await withPop3(ctx, async (pop3) => {
      const uids = selection.byUid ? 'needed' : output.json ? 'wanted' : 'no';
      const { rows } = await readMaildrop(pop3, uids);
      for (const { number, size, uid } of select(selection, rows)) {
        const kept: Buffer[] = [];
        for await (const chunk of pop3.top(number, Number(count))) {
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
