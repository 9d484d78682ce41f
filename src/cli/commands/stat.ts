import { EXIT } from '../exit.ts';
import { withPop3 } from '../pop3-connection.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<{ readonly check?: true }> = {
  connects: ['pop3'],
  document: { messages: null, size: null },
  examples: ['mailtool stat', 'mailtool stat --json', 'mailtool stat --check || echo "no mail"'],
  notes: 'Prints the number of messages, and their octets together.\n',
  define: (program) => program.option('--check', 'exit 1 when the maildrop is empty'),
  async run(ctx, _, { check }) {
    const { messages, size } = await withPop3(ctx, (pop3) => pop3.stat());
    ctx.output.line(`${messages} ${size}`);
    ctx.output.document({ messages, size });
    return check === true && messages === 0 ? EXIT.no : EXIT.done;
  },
};
