import { UsageError } from '../../errors.ts';
import { octetsOf } from '../size.ts';

/** One thing that a server should offer: `STARTTLS`, `AUTH=PLAIN`, `SIZE>=25M`. */
export interface Expectation {
  /** As it was written. */
  readonly text: string;
  readonly keyword: string;
  /** One of the keyword's parameters, in upper case. */
  readonly parameter?: string;
  /** The least value of the keyword's one number. */
  readonly least?: number;
}

/** Reads the list of `--expect`, with commas. UsageError when an entry makes no sense. */
export function parseExpectations(list: string): Expectation[] {
  return list
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const match = /^([a-z0-9][a-z0-9-]*)(?:=([!-~]+)|>=(\d{1,15})([kmg]?))?$/i.exec(text);
      if (match === null) {
        throw new UsageError(`--expect ${JSON.stringify(text)} makes no sense`, {
          hint: 'write STARTTLS, AUTH=PLAIN or SIZE>=25M, with commas between them',
        });
      }
      const [, keyword = '', parameter, number, unit = ''] = match;
      return {
        text,
        keyword: keyword.toUpperCase(),
        ...(parameter === undefined ? {} : { parameter: parameter.toUpperCase() }),
        ...(number === undefined ? {} : { least: octetsOf(number, unit) }),
      };
    });
}

/** What a server offered in the parts of a session; absent: that part did not take place. */
export interface Offers {
  /** Before STARTTLS or STLS, when anybody on the way could have written it. */
  readonly plain?: ReadonlyMap<string, string> | undefined;
  /** Under TLS, where there is any, and before the log-in. */
  readonly open?: ReadonlyMap<string, string> | undefined;
  /** At the end. */
  readonly final: ReadonlyMap<string, string>;
}

/** What is offered in plain text only, and is not heard of again under TLS (RFC 3207 4.2, RFC 2595 4). */
const BEFORE_TLS: ReadonlySet<string> = new Set(['STARTTLS', 'STLS']);

/** Whether the server offers it. What was said before TLS alone counts for the offer of TLS only. */
export function isMet(expectation: Expectation, { plain, open, final }: Offers): boolean {
  const offers = [final, open, BEFORE_TLS.has(expectation.keyword) ? plain : undefined];
  return offers.some((capabilities) => capabilities !== undefined && isOffered(expectation, capabilities));
}

function isOffered(
  { keyword, parameter, least }: Expectation,
  capabilities: ReadonlyMap<string, string>,
): boolean {
  const parameters = capabilities.get(keyword);
  if (parameters === undefined) return false;
  const words = parameters.toUpperCase().split(/\s+/);
  if (parameter !== undefined) return words.includes(parameter);
  // SIZE 0 and SIZE alone: no limit that the server states (RFC 1870 4).
  if (least !== undefined)
    return Number(words[0]) >= least || (keyword === 'SIZE' && Number(words[0] ?? 0) === 0);
  return true;
}
