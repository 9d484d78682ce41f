import type { ReadAddress, ReadMessage, ReadPart } from '../../mime/read/index.ts';
import { localTime } from '../list/table.ts';
import { octets } from '../progress.ts';
import { toTerminal, toTerminalLine } from '../terminal.ts';
import { type Measure, measureFor, wrapped, wrappedLine } from './wrap.ts';

export interface RenderOptions {
  /** Of the terminal; undefined: nothing is wrapped. */
  readonly columns: number | undefined;
  /** Every field of the header, in place of those that people read. */
  readonly allHeaders: boolean;
}

/** A message as people read it: every line is safe for a terminal. */
export interface Rendered {
  readonly header: readonly string[];
  readonly body: readonly string[];
}

/** Tables of a page are set in so many columns where there is no terminal. */
const USUAL_COLUMNS = 80;

/** Header, text and a line for each part that is not in the text. */
export async function render(message: ReadMessage, options: RenderOptions): Promise<Rendered> {
  const fields = options.allHeaders
    ? message.headers.map(({ name, value }) => [name, value] as const)
    : fieldsFor(message);
  const header = fields.map(([name, value]) => toTerminalLine(`${name}: ${value}`));
  const text = toTerminal(await bodyText(message, options.columns)).replace(/\n+$/, '');
  const parts = message.attachments.map(partLine);
  const lines = text === '' ? [] : text.split('\n');
  const body = [...lines, ...(lines.length === 0 || parts.length === 0 ? [] : ['']), ...parts];
  const { columns } = options;
  if (columns === undefined) return { header, body };
  const widthOf: Measure = await measureFor([...header, ...body].join('\n'));
  return {
    header: header.flatMap((line) => wrappedLine(line, columns, widthOf, '    ')),
    body: body.flatMap((line) => wrapped(line, columns, widthOf)),
  };
}

/** `[2] report.pdf application/pdf 1.2 MB`, on one line whatever the message calls it. */
export function partLine({ part, filename, type, size }: ReadPart): string {
  const name = filename === null ? '' : `${filename} `;
  return toTerminalLine(`[${part}] ${name}${type} ${octets(size)}`);
}

/** What people read of a header. */
export function fieldsFor(message: ReadMessage): (readonly [name: string, value: string])[] {
  const fields: (readonly [string, string])[] = [];
  const add = (name: string, value: string) => {
    if (value !== '') fields.push([name, value]);
  };
  add('From', addressList(message.from));
  add('To', addressList(message.to));
  add('Cc', addressList(message.cc));
  if (message.replyTo.length > 0 && addressList(message.replyTo) !== addressList(message.from))
    add('Reply-To', addressList(message.replyTo));
  const stated = message.headers.find(({ name }) => name.toLowerCase() === 'date')?.value ?? '';
  add('Date', message.date === null ? stated : `${localTime(message.date)} ${zoneOf(message.date)}`);
  add('Subject', (message.subject ?? '').replace(/\s+/g, ' ').trim());
  return fields;
}

function addressList(addresses: readonly ReadAddress[]): string {
  return addresses
    .map(({ name, address }) => {
      const shown = name.trim();
      if (shown === '' || shown === address) return address;
      return address === '' ? shown : `${shown} <${address}>`;
    })
    .join(', ');
}

/** `+0100`: how far local time is from UTC then. */
function zoneOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}${two(Math.abs(minutes) % 60)}`;
}

/** The text of a message; links of a page by the number that `--links` gives them, with the list of these at the end. */
async function bodyText(message: ReadMessage, columns: number | undefined): Promise<string> {
  const pieces: string[] = [];
  const used = new Map<number, string>();
  for (const { source, content } of message.body) {
    if (source === 'plain') {
      pieces.push(content);
      continue;
    }
    const { htmlToText, shownUrl } = await import('../../mime/html-text.ts');
    const numbers = new Map(message.links.map(({ url }, index) => [shownUrl(url), index + 1]));
    pieces.push(
      htmlToText(content, {
        width: Number.POSITIVE_INFINITY,
        tableWidth: columns ?? USUAL_COLUMNS,
        namesImages: true,
        numberOf: (url) => {
          const number = numbers.get(url);
          if (number !== undefined) used.set(number, url);
          return number;
        },
      }),
    );
  }
  const links = [...used].sort(([one], [other]) => one - other).map(([number, url]) => `[${number}] ${url}`);
  if (links.length > 0) pieces.push(`Links:\n${links.join('\n')}`);
  return withoutMarks(pieces.map((piece) => piece.replace(/\n+$/, '')).join('\n\n'));
}

/** Marks that only say which way a text runs, and mailings use to fill space; they hide nothing when they are gone. */
export function withoutMarks(text: string): string {
  return text.replace(/[\u061c\u200e\u200f\ufeff]/g, '');
}
