import { DataError, MailError, UsageError } from '../../errors.ts';
import { wireAddress } from '../../mime/index.ts';
import { detailOf, replyLine, type SmtpClient, type SmtpReply } from '../../smtp/index.ts';
import { checkName } from '../../smtp/inquiry.ts';
import { connectSmtp } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { addresses, reversePath } from '../send/draft.ts';
import { toTerminalLine } from '../terminal.ts';
import { type Status, statusOf } from '../verify/status.ts';
import type { CommandDefinition } from './command.ts';

interface Options {
  readonly expn?: true;
  readonly rcpt?: true;
}

export const command: CommandDefinition<Options> = {
  connects: ['smtp'],
  document: { results: [] },
  composes: true,
  examples: [
    'mailtool verify ann@example.org --smtp-host mx.example.org:25',
    'mailtool verify --rcpt ann@example.org bob@example.org || echo "somebody is not there"',
    'mailtool verify --expn staff --json | jq -r ".results[].members[]"',
  ],
  notes:
    'Prints a line for each address: ok, no, undisclosed (252: the server does not tell) or unknown (refused for another\n' +
    'reason, or for now), and the reply. No message is sent. Exit 0: all are ok; 67: some are a no; 69: the server does not\n' +
    'offer the command; 75: some are unknown for now; 1: some stay unknown or undisclosed.\n',
  define: (program) =>
    program
      .argument(
        '<address...>',
        'an address; without --rcpt a user name will do, with --expn the name of a list',
      )
      .option('--expn', 'ask who is on a list (EXPN)')
      .option('--rcpt', 'ask with MAIL and RCPT, and take it back with RSET'),
  async run(ctx, names, { expn, rcpt }) {
    if (expn === true && rcpt === true) throw new UsageError('--expn and --rcpt ask in two ways: give one');
    const results: Result[] = [];
    ctx.output.document({ results });
    const ask = rcpt === true ? byRcpt(ctx, names) : byName(names, expn === true ? 'expn' : 'vrfy');
    const client = await connectSmtp(ctx);
    try {
      for await (const { address, reply } of ask(client)) {
        results.push({
          address,
          status: statusOf(reply),
          reply: detailOf(reply),
          members: expn === true && reply.code < 300 ? membersOf(reply) : [],
        });
        say(ctx, address, reply, expn === true);
      }
    } catch (error) {
      if (error instanceof MailError && error.connectionUsable) await client.quit();
      else client.close();
      throw error;
    }
    await client.quit();
    return exitOf(results);
  },
};

interface Result {
  readonly address: string;
  readonly status: Status;
  readonly reply: ReturnType<typeof detailOf>;
  /** Of a list, as the server names them. */
  readonly members: readonly string[];
}

type Ask = (client: SmtpClient) => AsyncIterable<{ readonly address: string; readonly reply: SmtpReply }>;

/** Everything is checked before a socket opens. */
function byName(names: readonly string[], verb: 'vrfy' | 'expn'): Ask {
  for (const name of names) checkName(name);
  return async function* (client) {
    for (const address of names) yield { address, reply: await client[verb](address) };
  };
}

function byRcpt(ctx: Context, names: readonly string[]): Ask {
  const recipients = [...new Set(addresses('ADDRESS', names).map(({ address }) => wireAddress(address)))];
  if (recipients.length === 0) throw new DataError('there is no address to ask for');
  const path = reversePath(ctx, () => {
    const from = ctx.settings.text('from');
    const [author] = from === undefined ? [] : addresses('--from', [from]);
    return author === undefined ? '' : wireAddress(author.address);
  });
  return async function* (client) {
    for (const [address, reply] of await client.tryRecipients({ reversePath: path, recipients })) {
      yield { address, reply };
    }
  };
}

function membersOf({ lines }: SmtpReply): string[] {
  return lines.map((line) => line.replace(/^2\.\d{1,3}\.\d{1,3} +/, '').trim());
}

/** The fields are parted by tabs; a server's words must not begin a field or a line of their own. */
function say({ output }: Context, address: string, reply: SmtpReply, isList: boolean): void {
  const status = statusOf(reply);
  const words = status === 'undisclosed' ? 'undisclosed (252)' : status;
  output.line([address, words, replyLine(reply)].map(toTerminalLine).join('\t'));
  if (!isList || status !== 'ok') return;
  for (const member of membersOf(reply)) output.line(`  ${toTerminalLine(member)}`);
}

function exitOf(results: readonly Result[]): number {
  if (results.some(({ status }) => status === 'no')) return EXIT.recipients;
  const open = results.filter(({ status }) => status !== 'ok');
  if (open.length === 0) return EXIT.done;
  return open.some(({ reply }) => String(reply.code).startsWith('4')) ? EXIT.tryLater : EXIT.no;
}
