/** The command lines of POP3 and where they may stand (RFC 1939 4-9, 2449 3, 2595 4, 5034 4). */

export type State = 'AUTHORIZATION' | 'TRANSACTION';

interface Rule {
  readonly state: State | 'both';
  /** The least and the most arguments; the last takes the rest of the line, spaces included. */
  readonly arguments: readonly [least: number, most: number];
}

const RULES = {
  CAPA: { state: 'both', arguments: [0, 0] },
  STLS: { state: 'AUTHORIZATION', arguments: [0, 0] },
  USER: { state: 'AUTHORIZATION', arguments: [1, 1] },
  PASS: { state: 'AUTHORIZATION', arguments: [1, 1] },
  APOP: { state: 'AUTHORIZATION', arguments: [2, 2] },
  AUTH: { state: 'AUTHORIZATION', arguments: [1, 2] },
  STAT: { state: 'TRANSACTION', arguments: [0, 0] },
  LIST: { state: 'TRANSACTION', arguments: [0, 1] },
  UIDL: { state: 'TRANSACTION', arguments: [0, 1] },
  TOP: { state: 'TRANSACTION', arguments: [2, 2] },
  RETR: { state: 'TRANSACTION', arguments: [1, 1] },
  DELE: { state: 'TRANSACTION', arguments: [1, 1] },
  RSET: { state: 'TRANSACTION', arguments: [0, 0] },
  NOOP: { state: 'TRANSACTION', arguments: [0, 0] },
  QUIT: { state: 'both', arguments: [0, 0] },
} as const satisfies Record<string, Rule>;

export type Keyword = keyof typeof RULES;

export interface Command {
  readonly keyword: Keyword;
  readonly rule: Rule;
  /** What follows the first space; undefined without one. */
  readonly rest: string | undefined;
}

/** Takes a line of ASCII, or of octets as latin1, apart; a string says why it is no command. */
export function parseCommand(text: string): Command | string {
  if (/[\0-\x1f\x7f]/.test(text)) return 'there are control characters in this command';
  const space = text.indexOf(' ');
  const keyword = (space === -1 ? text : text.slice(0, space)).toUpperCase();
  if (!isKeyword(keyword)) return 'there is no such command';
  return { keyword, rule: RULES[keyword], rest: space === -1 ? undefined : text.slice(space + 1) };
}

/** The arguments of a command; undefined when they are too few, too many, or not one space apart. */
export function argumentsOf({ rest, rule }: Command): string[] | undefined {
  const [least, most] = rule.arguments;
  if (rest === undefined) return least === 0 ? [] : undefined;
  if (most === 0) return undefined;
  const given: string[] = [];
  let left = rest;
  while (given.length < most - 1 && left.includes(' ')) {
    given.push(left.slice(0, left.indexOf(' ')));
    left = left.slice(left.indexOf(' ') + 1);
  }
  given.push(left);
  return given.includes('') || given.length < least ? undefined : given;
}

function isKeyword(text: string): text is Keyword {
  return Object.hasOwn(RULES, text);
}
