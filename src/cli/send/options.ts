import type { Command } from 'commander';
import { Option } from 'commander';

/** The flags of `send`, as commander hands them over. */
export interface SendOptionValues {
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly replyTo?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  readonly textFile?: string;
  readonly html?: string;
  readonly htmlFile?: string;
  readonly htmlImages?: string;
  readonly charset?: string;
  readonly raw?: string;
  readonly resend?: string;
  readonly saveCopy?: string;
  readonly seed?: string;
  readonly attach?: readonly string[];
  readonly inline?: readonly string[];
  readonly calendar?: string;
  readonly forward?: readonly string[];
  readonly sender?: string;
  readonly inReplyTo?: string;
  readonly replyToMessage?: string;
  readonly header?: readonly string[];
  readonly priority?: 'high' | 'normal' | 'low';
  readonly date?: string;
  readonly messageId?: string;
  readonly requireAll?: true;
  readonly lmtp?: true;
  readonly chunking?: true;
  readonly encoding?: 'auto' | '7bit' | '8bit' | 'binary';
  readonly retryFor?: string;
  readonly confirm?: true;
  readonly confirmTimeout?: string;
  readonly confirmDelete?: true;
  readonly skipEmpty?: true;
  readonly dryRun?: true;
  readonly dsn?: string;
  readonly dsnReturn?: 'full' | 'headers';
  readonly envid?: string;
  readonly requireTls?: true;
  readonly deliverBy?: string;
  readonly mtPriority?: string;
  readonly holdFor?: string;
  readonly holdUntil?: string;
  readonly authSender?: string;
}

/** The flags whose values `wishes.ts` reads. */
const WISHES = [
  'dsn',
  'dsnReturn',
  'envid',
  'requireTls',
  'deliverBy',
  'mtPriority',
  'holdFor',
  'holdUntil',
  'authSender',
] as const satisfies readonly (keyof SendOptionValues)[];

/** Whether anything is asked of the servers beyond delivery. */
export function hasWishes(options: SendOptionValues): boolean {
  return WISHES.some((name) => options[name] !== undefined);
}

const collect = (value: string, earlier: readonly string[] = []) => [...earlier, value];

/** Adds the flags of `send` to its command. */
export function defineSend(command: Command): void {
  command
    .option(
      '-t, --to <addresses>',
      'whom to send to: a@b, "Name <a@b>", or several with commas (repeatable)',
      collect,
    )
    .option('-c, --cc <addresses>', 'copy to these (repeatable)', collect)
    .option('-b, --bcc <addresses>', 'copy to these, unseen by the others (repeatable)', collect)
    .option('-s, --subject <text>', 'the subject')
    .option('-m, --text <text>', 'the text; without any body option it is read from standard input')
    .option('--text-file <file>', 'the text from a file (- is standard input)')
    .option(
      '--html <html>',
      'the text as HTML; without -m a text is made of it, and both go out for the reader to choose',
    )
    .option('--html-file <file>', 'HTML from a file (- is standard input); images in its folder go with it')
    .option(
      '--html-images <folder>',
      'where images are that the HTML names (the folder of --html-file); none leaves the HTML as it is',
    )
    .option('--charset <name>', 'the charset of the text and the HTML: gb2312, iso-8859-1 ... (utf-8)')
    .option(
      '--raw <file>',
      'send a finished message (.eml; - is standard input) as it is, to its recipients or to -t',
    )
    .option(
      '--resend <file>',
      'send a message that came (.eml) to others, as it is; Resent-* fields say who does so, and to whom',
    )
    .option(
      '-A, --attach <file[;name=N][;type=T][;cid=C]>',
      'attach a file; -;name=log.txt attaches standard input (repeatable)',
      collect,
    )
    .option(
      '--inline <file[;name=N][;type=T][;cid=C]>',
      'an image for the HTML, which names it as cid:C (repeatable)',
      collect,
    )
    .option(
      '--calendar <file>',
      'an invitation, its answer or its cancellation: an .ics file, with its METHOD',
    )
    .option('--forward <file>', 'a message (.eml) to pass on, as it is (repeatable)', collect)
    .option('--sender <address>', 'who sends it for the one that it is from')
    .option('--reply-to <addresses>', 'where answers should go (repeatable)', collect)
    .option('--in-reply-to <message-id>', 'the message that this one answers')
    .option(
      '--reply-to-message <file>',
      'the message (.eml) that this one answers: for the thread, the subject, and where no recipient is given, for that',
    )
    .option('-H, --header <name: value>', 'a further header field (repeatable)', collect)
    .addOption(new Option('--priority <level>', 'how urgent it is').choices(['high', 'normal', 'low']))
    .option('--date <date>', 'the date in the header, ISO 8601 or as in mail (now)')
    .option('--message-id <id>', 'the Message-ID (a new one)')
    .option('--require-all', 'send to nobody if the server refuses one recipient')
    .option('--lmtp', 'deliver by LMTP, to --smtp-host with --smtp-port, or with the path of a Unix socket')
    .option(
      '--retry-for <duration>',
      'try again for so long (5m) what did not reach anybody and may pass; the same Message-ID',
    )
    .option(
      '--confirm',
      'wait until the message is in the maildrop of the POP3 settings (MAILTOOL_POP3_...), and tell how long that took',
    )
    .option('--confirm-timeout <duration>', 'with --confirm: how long to wait for it (2m)')
    .option('--confirm-delete', 'with --confirm: delete it there')
    .option('--chunking', 'transfer the message by BDAT (CHUNKING); fails where the server does not offer it')
    .addOption(
      new Option(
        '--encoding <kind>',
        'the most to give a server that takes it: 7bit (any relay passes it on), 8bit (text as it is), binary (files, too;\n' +
          'with --chunking), auto (8bit for text that is mostly not ASCII)',
      ).choices(['auto', '7bit', '8bit', 'binary']),
    )
    .option('-E, --skip-empty', 'send nothing, and succeed, when the body is empty')
    .option(
      '--save-copy <file>',
      'once it is sent, keep what went out in a file that is not there yet, or in a Maildir (a name that ends in /)',
    )
    .option('-n, --dry-run', 'print the finished message, and send nothing')
    .option(
      '--seed <text>',
      'with -n: the same Message-ID and boundaries each time; with --date, the same message',
    )
    .optionsGroup('Delivery:')
    .option(
      '--dsn <conditions>',
      'report to the sender on success,failure,delay (any of them), or never (the server decides)',
    )
    .addOption(
      new Option('--dsn-return <what>', 'how much of the message comes back in a report').choices([
        'full',
        'headers',
      ]),
    )
    .option('--envid <id>', 'a name of your own for this sending, repeated in reports')
    .option('--require-tls', 'go over verified TLS all the way, or come back')
    .option(
      '--deliver-by <duration[;notify|;return]>',
      'within this time; else notify the sender and go on trying, or return it (notify)',
    )
    .option('--mt-priority <number>', 'priority of the transfer, from -9 to 9 (0)')
    .option('--hold-for <duration>', 'have the server hold the message for so long: 30m, 2h, 7d')
    .option('--hold-until <date>', 'have the server hold the message until then, ISO 8601 or as in mail')
    .option(
      '--auth-sender <address>',
      'who submitted it first, for a relay that is trusted (<> for nobody known)',
    )
    .optionsGroup('');
}
