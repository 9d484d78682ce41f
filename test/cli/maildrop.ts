import { type DialogueOptions, dialogue } from '../dialogue.ts';
import { BYE, loggedIn, PASSWORD } from '../pop3/scripts.ts';
import { mailtool, type Ran, type RunOptions } from './mailtool.ts';

export { BYE, loggedIn };

/** The server of a maildrop whose messages are numbered from 1, up to where the command has read LIST (and UIDL). */
export function maildrop(
  messages: readonly { readonly size?: number; readonly uid?: string }[],
  {
    capabilities = ['TOP', 'UIDL', 'PIPELINING'],
    uidl = true,
  }: { capabilities?: string[]; uidl?: boolean } = {},
): string {
  const rows = (of: (index: number) => string) =>
    messages.map((_, index) => `S: ${index + 1} ${of(index)}`).join('\n');
  return `${loggedIn(...capabilities)}
  C: LIST
  S: +OK
  ${rows((index) => String(messages[index]?.size ?? 100))}
  S: .
  ${uidl ? `C: UIDL\nS: +OK\n${rows((index) => messages[index]?.uid ?? `uid-${index + 1}`)}\nS: .` : ''}`;
}

export const several = (count: number) => Array.from({ length: count }, () => ({}));

/** Answers to TOP N 0 for `numbers`, asked for in one group. */
export function tops(numbers: readonly number[], header: (number: number) => string): string {
  return [
    ...numbers.map((number) => `C: TOP ${number} 0`),
    ...numbers.map((number) => `S: +OK\n${header(number)}\nS:\nS: .`),
  ].join('\n');
}

export const settings = (port: number) => ({
  MAILTOOL_POP3_HOST: '127.0.0.1',
  MAILTOOL_POP3_PORT: String(port),
  MAILTOOL_POP3_TLS: 'none',
  MAILTOOL_POP3_USER: 'ann',
  MAILTOOL_POP3_PASSWORD: PASSWORD,
  TZ: 'UTC',
});

/** Runs the command against the server of `script`. */
export function against(
  script: string,
  args: readonly string[],
  options: RunOptions & DialogueOptions = {},
): Promise<Ran> {
  return dialogue(script, options, (port) =>
    mailtool(args, { ...options, env: { ...settings(port), ...options.env } }),
  );
}
