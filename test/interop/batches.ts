import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Messages of many sizes, each unlike any other and with an end that shows. */
export const batchOf = (marker: string, round: number, count = 300): string[] =>
  Array.from(
    { length: count },
    (_, at) =>
      `Subject: ${round}-${at}\r\nX-Marker: ${marker}\r\n\r\n${`${'x'.repeat(at)}\r\n`.repeat(9)}The end\r\n`,
  );

/** The text of each file in a directory, without what a server puts before a message of a batch. */
export const textsIn = (path: string): string[] =>
  readdirSync(path).map((name) => {
    const text = readFileSync(join(path, name), 'latin1');
    return text.slice(text.indexOf('Subject: '));
  });

/** The messages of an mbox whose texts have no line that begins with `From `, with CRLF. */
export function textsOfMbox(path: string): string[] {
  const text = readFileSync(path, 'latin1');
  if (text === '') return [];
  return text
    .replace(/^From .*\n/, '')
    .split(/\nFrom .*\n/)
    .map((entry, at, all) => (at < all.length - 1 ? entry : entry.replace(/\n$/, '')))
    .map((entry) => entry.slice(entry.indexOf('Subject: ')).replaceAll('\n', '\r\n'));
}
