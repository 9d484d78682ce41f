import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { type ColorWish, PLAIN, type Style, styleFor, toTerminal, wantsColor } from './terminal.ts';
import { commandGuard, isFileOutput, isGitHub, looksLikeCommand } from './workflow-commands.ts';
import { writeFailure } from './write-failure.ts';

/** So much text is gathered before it is written. */
const BUFFERED = 64 * 1024;
const LF = 0x0a;

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** 0: results and warnings; 1: steps; 2: the transcript too. */
  readonly verbosity: number;
  readonly color: ColorWish;
  /** The account that everything said here is about, in a run for several. */
  readonly account?: string;
}

/**
 * The two streams of a run. Standard output has data only: text, octets, or with `--json` one document; standard error
 * has everything for people. What comes from outside is escaped here.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbosity: number;
  /** Begins each line: `work: `, or nothing. */
  readonly label: string;
  readonly #io: Io;
  readonly #options: OutputOptions;
  readonly #color: ColorWish;
  #outStyle: Style = PLAIN;
  #errStyle: Style = PLAIN;
  #text = '';
  #fields: Record<string, unknown> = {};
  #documented = false;
  readonly #warnings: string[] = [];
  #failure: unknown;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #held = '';
  #guarded = false;
  #endsInLine = true;
  #redact: (text: string) => string = (text) => text;

  constructor(io: Io, options: OutputOptions) {
    this.#io = io;
    this.json = options.json;
    this.quiet = options.quiet;
    this.verbosity = options.verbosity;
    this.#options = options;
    this.#color = options.color;
    this.label = options.account === undefined ? '' : `${options.account}: `;
  }

  /** The same streams, for what one of several accounts has to say: it has a document of its own. */
  async ofAccount(account: string): Promise<Output> {
    const output = new Output(this.#io, { ...this.#options, account });
    await output.prepare();
    return output;
  }

  /** What the document has so far. */
  get documented(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  /** Settles the colours of both streams; before it everything is plain. */
  async prepare(): Promise<void> {
    const { stdout, stderr, env } = this.#io;
    this.#outStyle = await styleFor(!this.json && wantsColor(this.#color, env, stdout.isTTY));
    this.#errStyle = await styleFor(wantsColor(this.#color, env, stderr.isTTY));
  }

  /** A server's words without the secrets that it may have echoed, before anything is picked out of them. */
  redact(text: string): string {
    return this.#redact(text);
  }

  /** From now on `redact` takes the secrets out of what is said, also where a server has echoed one. */
  redactWith(redact: (text: string) => string): void {
    this.#redact = redact;
  }

  /** For text on standard output. */
  get style(): Style {
    return this.#outStyle;
  }

  get stdoutIsTTY(): boolean {
    return this.#io.stdout.isTTY;
  }

  get stderrIsTTY(): boolean {
    return this.#io.stderr.isTTY;
  }

  /** Of the terminal on standard output; absent when it is none. */
  get columns(): number | undefined {
    return this.#io.stdout.columns;
  }

  /**
   * One line of data (or several) for people and scripts, escaped, and nothing with `--json`. `text` is styled by
   * `decorate` after it was escaped.
   */
  line(text: string, decorate?: (escaped: string, style: Style) => string): void {
    if (this.json) return;
    const escaped = toTerminal(this.label + text);
    this.#text += `${decorate === undefined ? escaped : decorate(escaped, this.#outStyle)}\n`;
    if (this.#text.length >= BUFFERED) void this.#flushText();
  }

  /** Octets as they are, also with `--json`; a terminal gets their text with the controls made visible. */
  async bytes(chunk: Uint8Array): Promise<void> {
    void this.#flushText();
    await this.#write(this.stdoutIsTTY ? Buffer.from(this.#visible(chunk), 'utf8') : chunk);
    this.#check();
  }

  /**
   * `print` prints mail. In a step of GitHub Actions it stands where the runner obeys nothing, and so does, by itself, any other
   * `line` that looks like a command; octets that are printed without this do not.
   */
  async mail(print: () => Promise<void> | void): Promise<void> {
    if (!this.#mayBeObeyed()) return print();
    const { before, after } = commandGuard();
    await this.bytes(Buffer.from(before));
    this.#guarded = true;
    try {
      await print();
    } finally {
      void this.#flushText();
      this.#guarded = false;
      await this.#write(Buffer.from(`${this.#endsInLine ? '' : '\n'}${after}`));
    }
    this.#check();
  }

  /** A character, or a CR LF, that chunks cut in two is shown when it is whole. */
  #visible(chunk: Uint8Array): string {
    this.#decoder ??= new TextDecoder();
    const text = this.#held + this.#decoder.decode(chunk, { stream: true });
    this.#held = text.endsWith('\r') ? '\r' : '';
    return toTerminal(this.#held === '' ? text : text.slice(0, -1));
  }

  /**
   * Fields of the one JSON document: later calls add to earlier ones, and the shell prints it when the command is over,
   * failed or not, with `schema`, `ok` and `error`. Without `--json` it does nothing.
   */
  document(fields: Readonly<Record<string, unknown>>): void {
    if (!this.json) return;
    Object.assign(this.#fields, fields);
    if (MAIL.has(fields)) MAIL.add(this.#fields);
  }

  /** One line of JSON now, in a command that streams them; `document` is then the last line. Without `--json` nothing. */
  async event(fields: Readonly<Record<string, unknown>>): Promise<void> {
    if (!this.json) return;
    const { account } = this.#options;
    const line = account === undefined ? fields : { account, ...fields };
    this.#text += `${toJson(line, this.#redact)}\n`;
    await this.flush();
  }

  /** A warning: on standard error, unless `-q`, and in the document's `warnings`. */
  warn(text: string): void {
    this.#warnings.push(text);
    if (!this.quiet)
      this.#say(`mailtool: ${this.#errStyle.warning('warning:')} ${toTerminal(this.label + text)}`);
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** A step, with `-v`. */
  verbose(text: string): void {
    if (this.verbosity > 0 && !this.quiet) this.#say(`mailtool: ${toTerminal(this.label + text)}`);
  }

  /** A line of the transcript, with `-vv`. */
  trace(text: string): void {
    if (this.verbosity > 1) this.#say(this.#errStyle.faint(toTerminal(this.label + text)));
  }

  /** News of a success: on a terminal or with `-v`, so that a cron job stays silent. */
  success(text: string): void {
    if (!this.quiet && (this.stderrIsTTY || this.verbosity > 0))
      this.#say(this.#errStyle.good(toTerminal(this.label + text)));
  }

  /** What a person at the terminal has to know now; nothing with `-q`. */
  note(text: string): void {
    if (!this.quiet) this.#say(`mailtool: ${toTerminal(this.label + text)}`);
  }

  /** An error in the one form that all have. Further lines (each refused recipient) are indented. */
  error(message: string, hint?: string | null, details: readonly string[] = []): void {
    const lines = [
      `mailtool: ${this.#errStyle.error('error:')} ${toTerminal(this.label + message)}`,
      ...details.map((detail) => `  ${toTerminal(detail)}`),
      ...(hint === undefined || hint === null || hint === '' ? [] : [`hint: ${toTerminal(hint)}`]),
    ];
    this.#say(lines.join('\n'));
  }

  /** Text of our own for standard error, as it is: usage. */
  usage(text: string): void {
    this.#io.stderr.write(text);
  }

  /** The document, once; later calls are ignored. */
  finish(schema: string, exit: number, error: Readonly<Record<string, unknown>> | undefined): void {
    if (!this.json || this.#documented) return;
    this.#documented = true;
    const document = {
      schema,
      ok: exit === EXIT.done,
      ...this.#fields,
      warnings: this.#warnings,
      error: error ?? this.#fields['error'] ?? null,
    };
    if (MAIL.has(this.#fields)) MAIL.add(document);
    this.#text += `${toJson(document, this.#redact)}\n`;
  }

  /** Resolves when everything is written; rejects with `ReaderGone` or a `StorageError`. */
  async flush(): Promise<void> {
    await this.#flushText();
    this.#check();
  }

  #say(text: string): void {
    this.#io.stderr.write(this.#unobeyed(`${this.#redact(text)}\n`));
  }

  /** Lines as they are, unless a runner could take one for a command. */
  #unobeyed(lines: string): string {
    if (!isGitHub(this.#io) || !looksLikeCommand(lines)) return lines;
    const { before, after } = commandGuard();
    return `${before}${lines}${after}`;
  }

  async #flushText(): Promise<void> {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    await this.#write(Buffer.from(this.#mayBeObeyed() ? this.#unobeyed(text) : text, 'utf8'));
  }

  /** Whether a runner reads what stands on standard output now. */
  #mayBeObeyed(): boolean {
    return isGitHub(this.#io) && !this.json && !this.#guarded && !isFileOutput();
  }

  /** Never rejects: the first failure is kept, and what comes after it is dropped. */
  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return;
    if (bytes.length > 0) this.#endsInLine = bytes.at(-1) === LF;
    try {
      await this.#io.stdout.write(bytes);
    } catch (error) {
      this.#failure ??= writeFailure(error);
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

// JSON.stringify escapes C0 and lone surrogates; a document shown on a terminal needs the rest too, and stays the same JSON.
const SHOWN_RAW = /[\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\uFFF9-\uFFFB]/g;

/** Fields of a document that are not a server's words but mail, or our own: a password that happens to be in them is theirs. */
const UNSPOKEN: ReadonlySet<string> = new Set([
  'schema',
  'account',
  'status',
  'reason',
  'base64',
  'sha256',
  'path',
  'subject',
  'uid',
  'messageId',
  'link',
]);

/** JSON on one line that no terminal obeys; what a server said goes through `redact`. */
export function toJson(value: unknown, redact: (text: string) => string = (text) => text): string {
  const json = JSON.stringify(value, function (this: object, key, inner: unknown) {
    return typeof inner === 'string' && !UNSPOKEN.has(key) && !MAIL.has(this) ? redact(inner) : inner;
  });
  return json
    .replace(SHOWN_RAW, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('##[', '#\\u0023['); // to a runner of GitHub Actions a command, wherever in a line it stands
}

/** What `asMail` was given, and all that is in it. */
const MAIL = new WeakSet<object>();

/** Fields of a document that are mail, as deep as they go: no server's words, from which secrets have to be taken. */
export function asMail<T extends object>(fields: T): T {
  MAIL.add(fields);
  for (const inner of Object.values(fields)) if (typeof inner === 'object' && inner !== null) asMail(inner);
  return fields;
}
