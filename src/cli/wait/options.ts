import { type Command, Option } from 'commander';
import { type Account, isLoopback } from '../../config/index.ts';
import { UsageError } from '../../errors.ts';
import { durationOption } from '../context.ts';
import { defineContentFilters, type FilterOptions } from '../filter.ts';
import { kindOf } from '../output-file.ts';

export type Print = 'text' | 'subject' | 'uid' | 'link' | 'code' | 'json' | 'raw';

/** The flags of `wait`, as commander hands them over. */
export interface WaitOptions extends FilterOptions {
  readonly body?: string;
  readonly timeout?: string;
  readonly interval?: string;
  readonly count?: string;
  readonly none?: true;
  readonly existing?: true;
  readonly snapshot?: string;
  readonly sinceSnapshot?: string;
  readonly print?: Print;
  readonly link?: string;
  readonly code?: string;
  readonly anySender?: true;
  readonly save?: string;
  readonly force?: true;
  readonly delete?: true;
  readonly ghOutput?: string;
  readonly ghMask?: true;
  readonly dotenv?: string;
  readonly dotenvKey?: string;
}

export const USUAL_TIMEOUT = '2m';
const PRINTS: readonly Print[] = ['text', 'subject', 'uid', 'link', 'code', 'json', 'raw'];
const MOST = 1_000;

/** Adds the flags of `wait` to its command. */
export function defineWait(command: Command): void {
  command
    .option('--timeout <duration>', `how long to wait in all: 90s, 5m (${USUAL_TIMEOUT})`)
    .option(
      '--interval <duration>',
      'time between two looks (half a second on this machine; else 1s, growing to 5s)',
    )
    .option('-N, --count <n>', 'how many messages have to match (1)')
    .option('--none', 'succeed when no message matches until the end; exit 1 as soon as one does')
    .option('--existing', 'count the messages that are there already, too')
    .option(
      '--snapshot <file>',
      'note what is there now, for --since-snapshot, and end; - is standard output',
    )
    .option('--since-snapshot <file>', 'count what is not in this snapshot, taken before the mail was caused')
    .optionsGroup('What is printed:')
    .addOption(new Option('--print <what>', 'what of a message that matches (text)').choices(PRINTS))
    .option('--link <text>', 'the link whose URL or text has this in it; /.../ is a regular expression')
    .option('--code <regex>', 'the code: what the expression, or its first group, matches (six digits)')
    .option('--any-sender', 'take a link or a code out of whatever mail comes, without any filter')
    .option('--save <file>', 'keep the message, exactly as it came; several in a directory (DIR/)')
    .option('--force', 'overwrite the file of --save')
    .option('--delete', 'delete what matched from the server, once it is printed and saved')
    .optionsGroup('CI:')
    .option('--gh-output <name>', 'what is printed becomes this output of a GitHub Actions step')
    .option('--gh-mask', 'have GitHub Actions hide what is printed in its log')
    .option('--dotenv <file>', 'add what is printed to this file, as KEY=value')
    .option('--dotenv-key <key>', 'the KEY (MAIL_LINK, MAIL_CODE, MAIL_SUBJECT ...)')
    .optionsGroup('');
  defineContentFilters(command);
  const body = command.createOption('--body <text>', 'the text, HTML turned to text');
  command.addOption(body.helpGroup('Filters:'));
}

/** What is asked for, checked. */
export interface Wanted {
  /** What is printed of each message; undefined: nothing. */
  readonly print: Print | undefined;
  readonly count: number;
  readonly timeoutMs: number;
  readonly intervalMs: number | undefined;
}

/** `UsageError` where the flags make no sense together, or with this account. */
export async function wantedOf(options: WaitOptions, account: Account): Promise<Wanted> {
  const { timeout = USUAL_TIMEOUT, interval } = options;
  exclude(options, 'snapshot', LATER);
  exclude(options, 'none', ['count', 'delete', 'ghOutput', 'ghMask', 'dotenv']);
  exclude(options, 'existing', ['sinceSnapshot']);
  if (options.dotenvKey !== undefined && options.dotenv === undefined) {
    throw new UsageError('--dotenv-key needs --dotenv FILE');
  }
  const count = countOf(options.count);
  const print = printOf(options);
  checkSender(options, print, account);
  await checkSave(options, count);
  return {
    print,
    count,
    timeoutMs: await durationOption('--timeout', timeout),
    intervalMs: interval === undefined ? undefined : await durationOption('--interval', interval),
  };
}

function printOf({ print, link, code, none, ghOutput, dotenv }: WaitOptions): Print | undefined {
  const implied =
    link !== undefined ? 'link' : code !== undefined ? 'code' : none === true ? undefined : 'text';
  const chosen = print ?? implied;
  if (chosen === 'raw' && (ghOutput !== undefined || dotenv !== undefined)) {
    throw new UsageError('--print raw goes to standard output alone, not to --gh-output or --dotenv');
  }
  return chosen;
}

function countOf(text = '1'): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MOST)
    throw new UsageError(`-N ${JSON.stringify(text)} is no number from 1 to ${MOST}`);
  return count;
}

/** Anybody can send mail: what a script follows or types has to come out of a message that was described somehow. */
function checkSender(options: WaitOptions, print: Print | undefined, { host, proxy }: Account): void {
  const takes =
    print === 'link' || print === 'code' || options.link !== undefined || options.code !== undefined;
  const { from, to, subject, header, body } = options;
  const described = [from, to, subject, header, body].some((filter) => filter !== undefined);
  const here = isLoopback(host) && proxy === undefined;
  if (!takes || described || here || options.anySender === true) return;
  throw new UsageError('a link or a code would be taken out of whatever mail comes first', {
    hint: 'say which mail is meant: --from, --to or --subject; or --any-sender, where nobody else can write to it',
  });
}

async function checkSave({ save, force }: WaitOptions, count: number): Promise<void> {
  if (save === undefined) return;
  const kind = save.endsWith('/') ? 'directory' : await kindOf(save);
  if (count > 1 && kind !== 'directory') {
    throw new UsageError('several messages need a directory: --save DIR/');
  }
  if (kind === 'file' && force !== true) {
    throw new UsageError(`${save} is there already`, {
      hint: 'name another file, or overwrite it with --force',
    });
  }
}

/** What a run that only takes a snapshot has no use for. */
const LATER: readonly (keyof WaitOptions)[] = [
  ...(['from', 'to', 'subject', 'header', 'since', 'before', 'larger', 'smaller', 'body'] as const),
  ...(['count', 'none', 'existing', 'sinceSnapshot', 'print', 'link', 'code', 'anySender'] as const),
  ...(['save', 'force', 'delete', 'ghOutput', 'ghMask', 'dotenv', 'dotenvKey'] as const),
];

function exclude(options: WaitOptions, one: keyof WaitOptions, others: readonly (keyof WaitOptions)[]): void {
  if (options[one] === undefined) return;
  const other = others.find((name) => options[name] !== undefined);
  if (other !== undefined) throw new UsageError(`${flagOf(one)} and ${flagOf(other)} exclude each other`);
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
