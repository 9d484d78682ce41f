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
  readonly raw?: string;
  readonly attach?: readonly string[];
  readonly inline?: readonly string[];
  readonly inReplyTo?: string;
  readonly header?: readonly string[];
  readonly priority?: 'high' | 'normal' | 'low';
  readonly date?: string;
  readonly messageId?: string;
  readonly requireAll?: true;
  readonly skipEmpty?: true;
  readonly dryRun?: true;
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
    .option('--html <html>', 'the text as HTML; with -m both go out, for the reader to choose')
    .option('--html-file <file>', 'HTML from a file (- is standard input)')
    .option(
      '--raw <file>',
      'send a finished message (.eml; - is standard input) as it is, to its recipients or to -t',
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
    .option('--reply-to <addresses>', 'where answers should go (repeatable)', collect)
    .option('--in-reply-to <message-id>', 'the message that this one answers')
    .option('-H, --header <name: value>', 'a further header field (repeatable)', collect)
    .addOption(new Option('--priority <level>', 'how urgent it is').choices(['high', 'normal', 'low']))
    .option('--date <date>', 'the date in the header, ISO 8601 or as in mail (now)')
    .option('--message-id <id>', 'the Message-ID (a new one)')
    .option('--require-all', 'send to nobody if the server refuses one recipient')
    .option('-E, --skip-empty', 'send nothing, and succeed, when the body is empty')
    .option('-n, --dry-run', 'print the finished message, and send nothing');
}
