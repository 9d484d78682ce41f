import { EXIT } from '../exit.ts';
import { readMaildrop } from '../maildrop.ts';
import { withPop3 } from '../pop3-connection.ts';
import { parseSelection, SELECTION_HELP, select } from '../selection.ts';
import { toTerminalLine } from '../terminal.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition = {
  connects: ['pop3'],
  document: { messages: [] },
  examples: ['mailtool uidl', 'mailtool uidl last:5', 'mailtool uidl --json'],
  notes: `Prints a line for each message: its number in this session, and the unique-id that it keeps.\n${SELECTION_HELP}`,
  define: (program) => program.argument('[selection...]', 'the messages; all of them when left out'),
  async run(ctx, words) {
    const selection = parseSelection(words.length === 0 ? ['all'] : words);
    const { rows } = await withPop3(ctx, (pop3) => readMaildrop(pop3, 'needed'));
    const messages = select(selection, rows).map(({ number, uid }) => ({ number, uid: uid ?? null }));
    for (const { number, uid } of messages)
      ctx.output.line(`${number} ${toTerminalLine(uid ?? '')}`.trimEnd());
    ctx.output.document({ messages });
    return EXIT.done;
  },
};
