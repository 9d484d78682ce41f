/** Names of colours that the output uses, and nothing more. */
export interface Style {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly good: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

const asIs = (text: string) => text;
export const PLAIN: Style = { error: asIs, warning: asIs, good: asIs, strong: asIs, faint: asIs };

// C0 but TAB and LF, DEL, C1, the bidirectional overrides, embeddings, isolates and marks, line and paragraph
// separators, and the invisible tag characters and joins that hide text.
const DANGEROUS =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\uFFF9-\uFFFB]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|\uDB40[\uDC00-\uDC7F]/g;

/**
 * Text that a terminal (or a log that someone will look at) only shows and never obeys: controls but TAB and LF, DEL, C1,
 * escape sequences, bidirectional overrides and lone surrogates become visible. CR LF becomes LF.
 */
export function toTerminal(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(DANGEROUS, visible);
}

/** `toTerminal`, and TAB and line ends made visible too: for a value that has to stay on its line. */
export function toTerminalLine(text: string): string {
  return text.replace(/[\t\n]/g, visible).replace(DANGEROUS, visible);
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x7f) return '^?';
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

export type ColorWish = 'auto' | 'always' | 'never';

/**
 * Whether one stream is coloured: the flag, then NO_COLOR, then FORCE_COLOR and CLICOLOR_FORCE, then whether it is a
 * terminal that can.
 */
export function wantsColor(
  wish: ColorWish,
  env: Readonly<Record<string, string | undefined>>,
  isTTY: boolean,
): boolean {
  if (wish !== 'auto') return wish === 'always';
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  const force = env['CLICOLOR_FORCE'];
  if (force !== undefined && force !== '' && force !== '0') return true;
  return isTTY && env['TERM'] !== 'dumb';
}

/** Colours from chalk, which is loaded only when a stream is coloured at all; sixteen of them are enough. */
export async function styleFor(colored: boolean): Promise<Style> {
  if (!colored) return PLAIN;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return {
    error: (text) => chalk.red.bold(text),
    warning: (text) => chalk.yellow(text),
    good: (text) => chalk.green(text),
    strong: (text) => chalk.bold(text),
    faint: (text) => chalk.dim(text),
  };
}
