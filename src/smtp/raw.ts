import { UsageError } from '../errors.ts';

/** What may follow the reply to these is no command, or another session: there is another way to each. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['STARTTLS', 'TLS is put on before the first command: --smtp-tls starttls'],
  ['AUTH', '--login logs in before the first command'],
  ['DATA', 'mailtool send --raw FILE sends a message as it is'],
  ['BDAT', 'mailtool send --raw FILE sends a message as it is'],
]);

/**
 * The keyword of a command line that somebody typed, in capitals. `UsageError` where the line cannot be sent on its own; its
 * text has the keyword alone, because the rest may be a secret.
 */
export function rawKeyword(line: string): string {
  const keyword = (/^[^\0-\x20\x7f]{1,20}/.exec(line.trimStart())?.[0] ?? '').toUpperCase();
  if (keyword === '') throw new UsageError('an empty command', { stage: 'raw' });
  const shown = /^[A-Z0-9-]+$/.test(keyword) ? keyword : 'a command';
  if (/[\0-\x1f\x7f]/.test(line)) {
    throw new UsageError(`a control character in ${shown}`, {
      stage: 'raw',
      hint: 'each command is an argument, or a line, of its own',
    });
  }
  const hint = ELSEWHERE.get(keyword);
  if (hint !== undefined) {
    throw new UsageError(`${keyword} changes the dialogue, and cannot be sent by itself`, {
      stage: 'raw',
      hint,
    });
  }
  return keyword;
}
