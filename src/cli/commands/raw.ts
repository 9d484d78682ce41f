import { type Account, type Protocol, serverAccount } from '../../config/index.ts';
import { MailError, UsageError } from '../../errors.ts';
import { Transcript } from '../../net/transcript.ts';
import { smtpClient, wayTo } from '../connection.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { mannersOf, pop3Client, tellLanguage } from '../pop3-connection.ts';
import { commandLines } from '../raw/command-lines.ts';
import { type Partner, pop3Partner, smtpPartner } from '../raw/partner.ts';
import { settingsFor } from '../server-argument.ts';
import type { CommandDefinition } from './command.ts';

interface Options {
  readonly login?: true;
  readonly verbatim?: readonly string[];
}

export const command: CommandDefinition<Options> = {
  connects: ['smtp', 'pop3'],
  document: { protocol: null, host: null, port: null, exchanges: [] },
  verbatim: true,
  examples: [
    "mailtool raw smtp mail.example.org:587 -- 'HELP' 'VRFY ann'",
    "mailtool raw pop3 --login -- 'LAST' 'TOP 1 0'",
    "printf 'NOOP\\nETRN example.org\\n' | mailtool raw smtp --login",
  ],
  notes:
    'The commands (or lines of standard input, where none are given) go out one by one, each after the reply to the one\n' +
    'before, and QUIT at the end. What changes the dialogue (STARTTLS, STLS, AUTH, DATA, BDAT) is refused. Exit 0: all\n' +
    'replies were positive; 1: one was negative. DELE counts: QUIT makes it true.\n',
  define: (program) =>
    program
      .usage("[options] <protocol> [host[:port]] [-- 'COMMAND'...]")
      .argument('<protocol>', 'smtp or pop3')
      .argument('[host[:port]]', 'the server to talk to')
      .option('--login', 'log in first, as the settings say'),
  async run(ctx, [protocol, host], options) {
    if (protocol !== 'smtp' && protocol !== 'pop3') {
      throw new UsageError(`raw ${protocol ?? ''}: the protocol is smtp or pop3`);
    }
    const exchanges: Said[] = [];
    ctx.output.document({ protocol, exchanges });
    const settings = await settingsFor(ctx, protocol, host);
    const account = serverAccount(settings, protocol, { login: options.login === true });
    ctx.output.document({ host: account.host, port: account.port });
    const partner = await partnerFor(protocol);
    const typed = options.verbatim;
    // Whatever can be checked is checked before a socket opens.
    if (typed !== undefined) checkAll(typed, partner);
    else if (account.secret?.kind === 'stdin') {
      throw new UsageError('standard input is wanted twice: for the password and for the commands', {
        hint: "give the commands after --, as in: mailtool raw smtp -- 'NOOP'",
      });
    }
    if (typed === undefined && ctx.io.stdin.isTTY)
      ctx.output.note('one command a line; Ctrl-D, or QUIT, ends');
    const lines = typed ?? commandLines(ctx.io.stdin.read(ctx.signal));
    return await converse(ctx, account, settings.text('ehlo'), partner, lines, exchanges);
  },
};

/** One command and its answer, in the document. */
interface Said {
  readonly command: string;
  readonly ok: boolean;
  readonly reply: unknown;
  readonly text: readonly string[];
  /** What followed a status of POP3. */
  readonly raw: { readonly base64: string } | null;
}

function checkAll(typed: readonly string[], partner: Partner): void {
  if (typed.length === 0) throw new UsageError('there is no command after --');
  const end = typed.findIndex((line) => partner.check(line).keyword === 'QUIT');
  if (end !== -1 && end < typed.length - 1) throw new UsageError('nothing can follow QUIT');
}

async function partnerFor(protocol: Protocol): Promise<Partner> {
  return protocol === 'smtp' ? await smtpPartner() : await pop3Partner();
}

async function converse(
  ctx: Context,
  account: Account,
  ehlo: string | undefined,
  partner: Partner,
  lines: AsyncIterable<string> | Iterable<string>,
  exchanges: Said[],
): Promise<number> {
  const { output } = ctx;
  const options = await ctx.clientOptions(account);
  // A server may repeat a secret that it was told; what it says is what this command is for.
  const secrets = new Transcript(() => undefined);
  const { password } = options.credentials ?? {};
  if (password !== undefined) secrets.hide(password);
  output.redactWith((text) => secrets.redact(text));
  output.verbose(`connecting to ${wayTo(account)}`);
  const client =
    account.protocol === 'smtp'
      ? await smtpClient({ ...options, ehlo })
      : await pop3Client({ ...options, ...mannersOf(ctx.settings) });
  if ('languageProblem' in client) tellLanguage(ctx, client);
  let isAllPositive = true;
  let isOver = false;
  try {
    for await (const line of lines) {
      const { keyword, shown, secret } = partner.check(line);
      if (secret !== undefined) secrets.hide(secret);
      const answer = await partner.ask(client, line);
      const text = answer.lines.map((said) => secrets.redact(said));
      for (const said of text) output.line(said);
      const kept: Buffer[] = [];
      for await (const chunk of answer.block ?? []) {
        if (output.json) kept.push(Buffer.from(chunk));
        else await output.bytes(chunk);
      }
      await output.flush();
      const raw = answer.block === undefined ? null : { base64: Buffer.concat(kept).toString('base64') };
      const reply = { ...answer.reply, text: secrets.redact(answer.reply.text) };
      exchanges.push({ command: shown, ok: answer.ok, reply, text, raw });
      isAllPositive &&= answer.ok;
      isOver = keyword === 'QUIT' || answer.isLast;
      if (isOver) break;
    }
  } catch (error) {
    // A command that cannot be sent is no reason to leave without a word; but nothing is deleted after a failure.
    if (error instanceof MailError && error.connectionUsable) await client[Symbol.asyncDispose]();
    else client.close();
    throw error;
  }
  if (!isOver) await client.quit();
  return isAllPositive ? EXIT.done : EXIT.no;
}
