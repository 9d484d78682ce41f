import { DataError, InputError, UsageError } from '../../errors.ts';
import type { ReadMessage } from '../../mime/read/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { defineFilters, FILTER_HELP } from '../filter.ts';
import { messageJson, NO_MESSAGE } from '../message-json.ts';
import { eachMessage, FILE_HELP, type Message, type MessageOptions, noMatch } from '../message-source.ts';
import { asMail } from '../output.ts';
import { partOf, readWhole, sha256 } from '../parts.ts';
import { octets } from '../progress.ts';
import { SELECTION_HELP } from '../selection.ts';
import { toTerminalLine } from '../terminal.ts';
import { isGitHub, looksLikeCommand } from '../workflow-commands.ts';
import type { CommandDefinition } from './command.ts';

interface Options extends MessageOptions {
  readonly headers?: true;
  readonly part?: string;
  readonly html?: true;
  readonly links?: true;
  readonly open?: true;
  /** False with `--no-pager`. */
  readonly pager: boolean;
}

/** Of a terminal that does not say. */
const USUAL_COLUMNS = 80;
/** What is longer is not decoded: that takes many times the memory. */
const TEXT_LIMIT = 64 * 1024 * 1024;

export const command: CommandDefinition<Options> = {
  connects: ['pop3'],
  document: NO_MESSAGE,
  examples: [
    'mailtool show',
    'mailtool show --from billing@ --part 2 > invoice.pdf',
    'mailtool show --file message.eml --links',
  ],
  notes: `Header, text, and a line for each attachment with its number. HTML becomes text: links are numbered and listed at the end,
images on the web are named, and nothing is ever loaded. On a terminal the text is wrapped and goes to $PAGER (less);
elsewhere it is data, in whole paragraphs. Without a selection it is the newest message, or the newest that the filters leave.
--open writes a page without scripts, forms or anything that loads, for its owner alone, and opens it in the browser; without a
display or a terminal it prints the page's path. The page stays in the directory for temporary files.
${SELECTION_HELP}${FILTER_HELP}${FILE_HELP}`,
  define: (program) =>
    defineFilters(
      program
        .argument('[selection]', 'the message; the newest when left out')
        .option('--headers', 'with every field of the header')
        .option('--part <number>', 'only this part, decoded: text as text, anything else as it is')
        .option('--html', 'the HTML as its author wrote it')
        .option('--links', 'a line for each link: its number, URL and text')
        .option('--open', 'open a harmless page of it in the browser')
        .option(
          '--file <path>',
          'read a file, an mbox or a Maildir (- for standard input) in place of the server',
        )
        .option('--no-pager', 'no pager on a terminal'),
    ),
  async run(ctx, words, options) {
    checkOneView(options);
    const found: Message[] = [];
    const wanted = { words: words.length === 0 ? undefined : words, newest: true, chosen: checkOne };
    const [refusal] = await eachMessage(ctx, options, wanted, async (message) => {
      found.push(message);
    });
    if (refusal !== undefined) throw refusal;
    const [message] = found;
    if (message === undefined) throw noMatch();
    const read = await readWhole(message);
    const { number, uid, size } = message;
    ctx.output.document(messageJson({ number, uid: uid ?? null, size }, read));
    for (const warning of read.warnings) ctx.output.warn(warning);
    await show(ctx, read, options);
    return EXIT.done;
  },
};

function checkOneView({ headers, part, html, links, open }: Options): void {
  const given = Object.entries({
    '--headers': headers,
    '--part': part,
    '--html': html,
    '--links': links,
    '--open': open,
  });
  const names = given.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (names.length > 1) throw new UsageError(`${names.slice(0, 2).join(' and ')} exclude each other`);
}

function checkOne(count: number): void {
  if (count <= 1) return;
  throw new UsageError(`${count} messages, and show shows one`, {
    hint: 'name one by its number or unique-id; mailtool list shows them, mailtool save takes the attachments of several',
  });
}

async function show(ctx: Context, message: ReadMessage, options: Options): Promise<void> {
  const { output } = ctx;
  if (options.part !== undefined) return showPart(ctx, message, options.part);
  if (options.open === true) return openPage(ctx, message);
  if (options.links === true) {
    for (const [index, { url, text }] of message.links.entries()) {
      output.line(toTerminalLine(`${index + 1} ${url}${text === '' || text === url ? '' : ` ${text}`}`));
    }
    return;
  }
  if (options.html === true) {
    if (message.html === null)
      throw new InputError('the message has no HTML', { hint: 'without --html its text is shown' });
    output.document(asMail({ html: message.html }));
    output.line(message.html.replace(/\n$/, ''));
    return;
  }
  if (!output.json) await showText(ctx, message, options);
}

async function showText(ctx: Context, message: ReadMessage, options: Options): Promise<void> {
  const { output } = ctx;
  const { render } = await import('../show/render.ts');
  const columns = output.stdoutIsTTY ? (output.columns ?? USUAL_COLUMNS) : undefined;
  const { header, body } = await render(message, { columns, allHeaders: options.headers === true });
  const lines = [...header, ...(body.length === 0 ? [] : ['', ...body])];
  if (
    output.stdoutIsTTY &&
    ctx.interactive &&
    options.pager &&
    !output.quiet &&
    ctx.io.env['TERM'] !== 'dumb'
  ) {
    const { page } = await import('../show/pager.ts');
    if (await page(ctx, `${lines.join('\n')}\n`)) return;
  }
  await output.mail(() => {
    for (const line of header) output.line(line, (text, style) => text.replace(/^[^\s:]+:/, style.strong));
    for (const line of lines.slice(header.length)) output.line(line);
  });
}

async function showPart(ctx: Context, message: ReadMessage, number: string): Promise<void> {
  const { output } = ctx;
  const part = partOf(message, number);
  if (output.json) {
    const { filename, type, size, bytes } = part;
    const raw = { base64: Buffer.from(bytes).toString('base64') };
    output.document(asMail({ part: { part: number, filename, type, size, sha256: sha256(bytes), raw } }));
    return;
  }
  if (part.type.startsWith('text/')) {
    const { decodeCharset, decodeUnlabelled } = await import('../../mime/charset.ts');
    const { charset, bytes } = part;
    if (bytes.length > TEXT_LIMIT)
      throw new DataError(`part ${part.part} is more text than ${octets(TEXT_LIMIT)}`, {
        hint: 'mailtool save --part keeps it in a file',
      });
    const text = charset === null ? decodeUnlabelled(bytes) : decodeCharset(bytes, charset);
    const print = () => output.bytes(Buffer.from(text, 'utf8'));
    return isGitHub(ctx.io) && looksLikeCommand(text) ? output.mail(print) : print();
  }
  if (output.stdoutIsTTY && !part.type.startsWith('message/')) {
    throw new UsageError(`part ${part.part} is ${toTerminalLine(part.type)}, nothing for a terminal`, {
      hint: 'mailtool save --part keeps it in a file; or lead the output into one',
    });
  }
  await output.bytes(part.bytes);
}

async function openPage(ctx: Context, message: ReadMessage): Promise<void> {
  const { htmlPage } = await import('../show/html-page.ts');
  const { writePage, openInBrowser } = await import('../show/browser.ts');
  const path = await writePage(await htmlPage(message));
  ctx.output.document({ path });
  if (ctx.output.json) return;
  if (ctx.output.stdoutIsTTY && (await openInBrowser(path, ctx.io.env))) ctx.output.success(`opened ${path}`);
  else ctx.output.line(path);
}
