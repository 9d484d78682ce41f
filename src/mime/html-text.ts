import { imageName } from './html-image.ts';
import { tableLines } from './html-table.ts';
import { attributeOf, type HtmlAttribute, htmlTokens } from './html-tokens.ts';

/** RFC 3676 4.2: what the usual window shows without wrapping, with room for a reply's marks. */
const WIDTH = 72;
/** Deeper lists, quotes and tables are shown as if they were as deep as this. */
const DEPTH_LIMIT = 8;

/** Elements that stand on lines of their own, with a blank line around them where that is 2. */
const BLOCKS = new Map<string, 1 | 2>([
  ...'p h1 h2 h3 h4 h5 h6 ul ol dl blockquote pre table hr figure fieldset'
    .split(' ')
    .map((name) => [name, 2] as const),
  ...(
    'div li dt dd tr center section article header footer main nav aside form address figcaption caption ' +
    'thead tbody tfoot body html details summary option'
  )
    .split(' ')
    .map((name) => [name, 1] as const),
]);
const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));

/** Controls, and what mailings fill their preview texts with. */
const INVISIBLE = /[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\xad\u200b\ufeff]|\u034f/g;

/** One list, quote, or cell of a table: what its lines begin with. */
interface Frame {
  readonly name: string;
  readonly rest: string;
}

/** A table while its cells are read. */
interface Table {
  readonly rows: string[][];
  readonly frames: Frame[];
  readonly lines: string[];
  readonly due: number;
  hasHeader: boolean;
}

/** How a page becomes text. */
export interface HtmlTextOptions {
  /** Columns of a line (72); `Infinity`: paragraphs are not broken. */
  readonly width?: number;
  /** Columns of a table, where that is not `width`. */
  readonly tableWidth?: number;
  /** The number to put behind a link in place of its URL (`shownUrl`); undefined: the URL. */
  readonly numberOf?: (url: string) => number | undefined;
  /** Name images on the web, for a reader to know of them: `[image: logo.png]`. What counts readers is left out. */
  readonly namesImages?: boolean;
}

/**
 * What a page says, as text for a mail reader: in lines of about 72 characters, links with their URL, lists with their
 * marks, tables in columns where they hold data. Nothing is loaded. Takes any input, in time in proportion to its length.
 */
export function htmlToText(html: string, options: HtmlTextOptions = {}): string {
  const page = new Page(options);
  for (const token of htmlTokens(html)) {
    if (token.kind === 'text') page.text(token.text);
    else if (token.kind === 'open') page.open(token.name, token.attributes);
    else page.close(token.name);
  }
  return page.end();
}

/** A URL as it stands in the text: without controls, and without what would end it. */
export function shownUrl(href: string): string {
  return href
    .replace(/[\0-\x1f\x7f-\x9f]/g, '')
    .trim()
    .replace(/[ <>]/g, encodeURIComponent);
}

class Page {
  readonly #width: number;
  readonly #tableWidth: number;
  readonly #options: HtmlTextOptions;
  #lines: string[] = [];
  #frames: Frame[] = [];
  readonly #tables: Table[] = [];
  /** The lists that are open, with the number of the next item; bullets have none. */
  readonly #lists: { readonly ordered: boolean; next: number }[] = [];
  /** The paragraph that is being read, in pieces, and its last character. */
  #inline: string[] = [];
  #last = '';
  /** Blank lines that are due before the next line, and how many frames stand around them. */
  #due = 0;
  #dueDepth = 0;
  /** The mark of a list item whose first line is still to come. */
  #mark: string | undefined;
  #pre = 0;
  #link: { readonly url: string; text: string } | undefined;
  /** The element that is not shown, and how many of its name are open in it. */
  #hidden: { readonly name: string; depth: number } | undefined;
  /** How many tables are open beyond those that are looked at. */
  #flatTables = 0;

  constructor(options: HtmlTextOptions) {
    this.#options = options;
    this.#width = options.width ?? WIDTH;
    this.#tableWidth = options.tableWidth ?? this.#width;
  }

  text(text: string): void {
    if (this.#hidden !== undefined) return;
    const shown = text.replace(INVISIBLE, '');
    if (this.#link !== undefined && this.#link.text.length < 2_000) this.#link.text += shown;
    if (this.#pre > 0) this.#add(shown.replaceAll('\r\n', '\n'));
    else {
      const plain = shown.replace(/[ \t\r\n\f]+/g, ' ');
      this.#add(' \n'.includes(this.#last) ? plain.replace(/^ /, '') : plain);
    }
  }

  #add(text: string): void {
    if (text === '') return;
    this.#inline.push(text);
    this.#last = text.slice(-1);
  }

  open(name: string, attributes: readonly HtmlAttribute[]): void {
    if (this.#hidden !== undefined) {
      if (name === this.#hidden.name) this.#hidden.depth++;
      return;
    }
    if (isHidden(attributes) && !VOID.has(name)) {
      this.#hidden = { name, depth: 1 };
      return;
    }
    const margin = BLOCKS.get(name);
    if (margin !== undefined) this.#break(name === 'ul' || name === 'ol' ? this.#listMargin() : margin);
    if (name === 'br') this.#add('\n');
    else if (name === 'img') this.#image(attributes);
    else if (name === 'a') this.#openLink(attributes);
    else if (name === 'hr') this.#write('-'.repeat(30));
    else if (name === 'pre') this.#pre++;
    else if (name === 'ul' || name === 'ol') this.#openList(name, attributes);
    else if (name === 'li') this.#openItem();
    else if (name === 'blockquote') this.#push({ name, rest: '> ' });
    else if (name === 'dd') this.#push({ name, rest: '  ' });
    else this.#openTable(name);
  }

  close(name: string): void {
    if (this.#hidden !== undefined) {
      if (name === this.#hidden.name && --this.#hidden.depth === 0) this.#hidden = undefined;
      return;
    }
    if (name === 'a') this.#closeLink();
    const margin = BLOCKS.get(name);
    if (margin === undefined && name !== 'td' && name !== 'th') return;
    if (name === 'ul' || name === 'ol') {
      this.#break(1);
      this.#popTo('li');
      this.#lists.pop();
      this.#break(this.#listMargin());
    } else {
      this.#break(margin ?? 1);
      if (name === 'li' || name === 'blockquote' || name === 'dd') this.#popTo(name);
      else if (name === 'pre') this.#pre = Math.max(0, this.#pre - 1);
      else this.#closeTable(name);
      this.#due = Math.max(this.#due, (margin ?? 1) - 1);
    }
  }

  end(): string {
    this.#closeLink();
    this.#break(1);
    this.#flatTables = 0;
    while (this.#tables.length > 0) this.#closeTable('table');
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`;
  }

  #listMargin(): 1 | 2 {
    return this.#lists.length > 0 ? 1 : 2;
  }

  #openList(name: string, attributes: readonly HtmlAttribute[]): void {
    const start = Number.parseInt(attributeOf(attributes, 'start') ?? '1', 10);
    const next = Number.isSafeInteger(start) && Math.abs(start) < 1e6 ? start : 1;
    this.#lists.push({ ordered: name === 'ol', next });
  }

  #openItem(): void {
    // The end of an item before is often left out.
    const depth = this.#frames.filter((frame) => frame.name === 'li').length;
    if (depth > 0 && depth >= Math.min(this.#lists.length, DEPTH_LIMIT)) this.#popTo('li');
    const list = this.#lists.at(-1);
    const mark = list?.ordered === true ? `${list.next++}. ` : '- ';
    this.#push({ name: 'li', rest: ' '.repeat(mark.length) });
    this.#mark = mark;
  }

  #push(frame: Frame): void {
    if (this.#frames.length < DEPTH_LIMIT) this.#frames.push(frame);
  }

  /** Ends the last frame of that name, and those within it. */
  #popTo(name: string): void {
    const at = this.#frames.findLastIndex((frame) => frame.name === name);
    if (at === -1) return;
    this.#frames.length = at;
    this.#dueDepth = Math.min(this.#dueDepth, at);
    this.#mark = undefined;
  }

  #image(attributes: readonly HtmlAttribute[]): void {
    const name = imageName(attributes, this.#options.namesImages === true);
    if (name !== '') this.text(`[${name}]`);
  }

  #openLink(attributes: readonly HtmlAttribute[]): void {
    this.#closeLink();
    const url = shownUrl(attributeOf(attributes, 'href') ?? '');
    if (/^(?:[a-z][a-z\d+.-]*:|\/\/)/i.test(url) && !/^(?:javascript|data|cid|vbscript|about):/i.test(url))
      this.#link = { url, text: '' };
  }

  /** RFC 3986 C: angle brackets keep a URL apart from the text around it. */
  #closeLink(): void {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    const text = link.text.replace(/\s+/g, ' ').trim();
    const bare = (url: string) => url.replace(/^(?:https?:\/\/|mailto:|tel:)/i, '').replace(/\/$/, '');
    if (bare(text) === bare(link.url)) return;
    const number = this.#options.numberOf?.(link.url);
    if (number !== undefined) this.#add(`[${number}]`);
    else this.#add(`${' \n'.includes(this.#last) ? '' : ' '}<${link.url}>`);
  }

  #openTable(name: string): void {
    if (name === 'table') {
      if (this.#tables.length >= DEPTH_LIMIT) {
        this.#flatTables++;
        return;
      }
      const [frames, lines, due] = [this.#frames, this.#lines, this.#due];
      this.#tables.push({ rows: [], frames, lines, due, hasHeader: false });
      this.#frames = [];
      this.#lines = [];
      this.#mark = undefined;
      this.#due = 0;
      return;
    }
    const table = this.#tables.at(-1);
    if (table === undefined || this.#flatTables > 0) return;
    if (name === 'tr') {
      this.#endCell();
      table.rows.push([]);
    } else if (name === 'td' || name === 'th') {
      this.#break(1);
      this.#endCell();
      if (table.rows.length === 0) table.rows.push([]);
      if (name === 'th' && table.rows.length === 1) table.hasHeader = true;
      table.rows.at(-1)?.push('');
    }
  }

  /** What was read since goes into the last cell, or before the table where there is none. */
  #endCell(): void {
    const table = this.#tables.at(-1);
    if (table === undefined || this.#lines.length === 0) return;
    const row = table.rows.at(-1);
    const text = this.#lines.join('\n');
    if (row === undefined || row.length === 0) table.rows.push([text]);
    else row[row.length - 1] += `${row.at(-1) === '' ? '' : '\n'}${text}`;
    this.#lines = [];
    this.#frames = [];
    this.#due = 0;
  }

  #closeTable(name: string): void {
    if (name === 'td' || name === 'th' || name === 'tr' || name === 'table') {
      if (this.#flatTables > 0) {
        if (name === 'table') this.#flatTables--;
        return;
      }
      this.#endCell();
    }
    if (name !== 'table') return;
    const table = this.#tables.pop();
    if (table === undefined) return;
    this.#lines = table.lines;
    this.#frames = table.frames;
    this.#due = table.due;
    const width = this.#tableWidth - this.#indent();
    for (const line of tableLines(table.rows, table.hasHeader, width)) this.#write(line);
    this.#due = 1;
  }

  #indent(): number {
    return prefixOf(this.#frames).length;
  }

  /** Ends the paragraph; `margin` 2 is a blank line before what follows. */
  #break(margin: 1 | 2): void {
    const text = this.#inline.join('').trimEnd();
    this.#inline = [];
    this.#last = '';
    if (text !== '') {
      const lines = (this.#pre > 0 ? text.replace(/^\n/, '') : text.trimStart()).split('\n');
      const width = Math.max(20, this.#width - this.#indent());
      for (const line of lines) {
        for (const row of this.#pre > 0 ? [line] : wrapped(line.trim(), width)) this.#write(row);
      }
    }
    if (margin === 2)
      this.#dueDepth = this.#due > 0 ? Math.min(this.#dueDepth, this.#frames.length) : this.#frames.length;
    this.#due = Math.max(this.#due, margin - 1);
  }

  #write(line: string): void {
    const prefix = prefixOf(this.#frames);
    if (this.#due > 0 && this.#lines.length > 0)
      this.#lines.push(prefixOf(this.#frames.slice(0, this.#dueDepth)).trimEnd());
    this.#due = 0;
    const mark = this.#mark;
    this.#mark = undefined;
    const begin = mark === undefined ? prefix : `${prefix.slice(0, prefix.length - mark.length)}${mark}`;
    this.#lines.push(`${begin}${line.replaceAll('\u00a0', ' ')}`.trimEnd());
  }
}

function prefixOf(frames: readonly Frame[]): string {
  return frames.map(({ rest }) => rest).join('');
}

/** Preview texts are hidden like this; a reader of the text would see them twice. */
function isHidden(attributes: readonly HtmlAttribute[]): boolean {
  return attributes.some(
    ({ name, value }) => name === 'hidden' || (name === 'style' && /display\s*:\s*none/i.test(value)),
  );
}

/** Lines of at most `width` characters, broken at blanks alone. */
function wrapped(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = word;
    } else row = row === '' ? word : `${row} ${word}`;
  }
  rows.push(row);
  return rows;
}
