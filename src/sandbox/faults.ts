/** Faults on request: what the sandbox does wrong, and when. */
import { UsageError } from '../errors.ts';

export type Protocol = 'smtp' | 'pop3';

export const SMTP_STAGES = [
  'greeting',
  'ehlo',
  'helo',
  'starttls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'body',
  'eod',
  'rset',
  'noop',
  'quit',
] as const;

export const POP3_STAGES = [
  'greeting',
  'capa',
  'stls',
  'user',
  'pass',
  'apop',
  'auth',
  'stat',
  'list',
  'uidl',
  'top',
  'retr',
  'dele',
  'rset',
  'noop',
  'quit',
] as const;

export type SmtpStage = (typeof SMTP_STAGES)[number];
export type Pop3Stage = (typeof POP3_STAGES)[number];

export type FaultAction =
  | { readonly kind: 'reply'; readonly code: number; readonly text: string }
  | { readonly kind: 'refuse'; readonly text: string }
  | { readonly kind: 'slow'; readonly milliseconds: number }
  | { readonly kind: 'hide'; readonly keywords: readonly string[] }
  | { readonly kind: 'drop' | 'lose' | 'cut' | 'stall' };

export interface Fault {
  /** As it was written. */
  readonly text: string;
  readonly protocol: Protocol;
  readonly stage: string;
  readonly action: FaultAction;
  /** The occurrences it applies to, counted from 1, both included. */
  readonly from: number;
  readonly to: number;
}

/** The grammar, for a person who is about to write one. */
export const FAULT_GRAMMAR = `A fault is [PROTOCOL.]STAGE:ACTION[@WHEN], for example rcpt:450@2 or pop3.quit:lose.

STAGE   a command in lower case, greeting, or in SMTP body (while the message comes in) and
        eod (the reply to its final dot). Where both protocols have the stage, and the action
        does not tell, it needs smtp. or pop3. in front.
        SMTP: ${SMTP_STAGES.join(' ')}
        POP3: ${POP3_STAGES.join(' ')}
ACTION  450 [TEXT]     SMTP: this reply (400 to 599), and nothing is done; 421 also closes
        -ERR [TEXT]    POP3: this refusal, and nothing is done; TEXT may be [SYS/TEMP] later
        drop           hang up; nothing is done
        lose           do it, then hang up without a reply
        cut            do it, then hang up in the middle of the reply
        slow[=2s]      wait (ms, s, m; one second when left out), then go on as usual
        stall          say nothing more, and stay connected
        hide=A+B       ehlo and capa: leave these capabilities out
WHEN    @2 the second time that the stage is reached, @2+ from then on, @2-4 from the second to
        the fourth time; without it, every time. Of several faults that fit, the first counts.`;

const STAGES: Readonly<Record<Protocol, readonly string[]>> = { smtp: SMTP_STAGES, pop3: POP3_STAGES };
const PLAIN_ACTIONS = ['drop', 'lose', 'cut', 'stall'] as const;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const HINT =
  `SMTP stages: ${SMTP_STAGES.join(' ')}; POP3 stages: ${POP3_STAGES.join(' ')}; ` +
  'actions: 450 [TEXT] (SMTP), -ERR [TEXT] (POP3), drop, lose, cut, slow[=2s], stall, hide=KEYWORD+KEYWORD (ehlo, capa); ' +
  'when: @N, @N+, @N-M. For example rcpt:450@2';

/** Reads one fault; a UsageError says what is wrong with it and, in its hint, everything that is valid. */
export function parseFault(text: string): Fault {
  const refuse = (why: string): UsageError => new UsageError(`bad fault '${text}': ${why}`, { hint: HINT });
  if (!/^[\x20-\x7e]*$/.test(text)) {
    throw new UsageError(`bad fault ${JSON.stringify(text)}: it is one line of ASCII`, { hint: HINT });
  }
  const match = /^(?:([a-z0-9]+)\.)?([a-z]+):(.+?)(?:@(\d+)(\+|-\d+)?)?$/i.exec(text);
  if (match === null) throw refuse('it is not STAGE:ACTION[@WHEN]');
  const [, prefix, stageName = '', actionText = '', first, rest] = match;
  if (/@[^\s.]*$/.test(actionText)) throw refuse('after the @ comes N, N+ or N-M');
  const stage = stageName.toLowerCase();
  const action = parseAction(actionText, refuse);
  const protocol = protocolOf(prefix?.toLowerCase(), stage, action, refuse);
  checkFit(protocol, stage, action, refuse);
  const from = first === undefined ? 1 : Number(first);
  const to = first === undefined || rest === '+' ? Number.POSITIVE_INFINITY : Number(rest?.slice(1) ?? first);
  if (from < 1 || to < from) throw refuse('after the @ comes N, N+ or N-M, counted from 1');
  return { text, protocol, stage, action, from, to };
}

function parseAction(text: string, refuse: (why: string) => UsageError): FaultAction {
  const reply = /^(\d{3})(?: (.*))?$/.exec(text);
  if (reply !== null) {
    const code = Number(reply[1]);
    if (code < 400 || code > 599) throw refuse('a reply code is 400 to 599');
    return { kind: 'reply', code, text: reply[2] ?? '' };
  }
  const refusal = /^-ERR(?: (.*))?$/i.exec(text);
  if (refusal !== null) return { kind: 'refuse', text: refusal[1] ?? '' };
  const plain = PLAIN_ACTIONS.find((kind) => kind === text.toLowerCase());
  if (plain !== undefined) return { kind: plain };
  if (/^slow(=|$)/i.test(text)) {
    const amount = /^slow(?:=(\d{1,6})(ms|s|m))?$/i.exec(text);
    if (amount === null) throw refuse('a time is slow=200ms, slow=2s or slow=1m');
    return {
      kind: 'slow',
      milliseconds: Number(amount[1] ?? 1) * (UNITS[amount[2]?.toLowerCase() ?? 's'] ?? 1),
    };
  }
  if (/^hide=/i.test(text)) {
    const keywords = text.slice('hide='.length).toUpperCase().split('+');
    if (!keywords.every((keyword) => /^[A-Z0-9-]+$/.test(keyword))) {
      throw refuse('capabilities are hide=KEYWORD or hide=KEYWORD+KEYWORD');
    }
    return { kind: 'hide', keywords };
  }
  throw refuse(`there is no action '${text}'`);
}

function protocolOf(
  prefix: string | undefined,
  stage: string,
  action: FaultAction,
  refuse: (why: string) => UsageError,
): Protocol {
  if (prefix !== undefined && prefix !== 'smtp' && prefix !== 'pop3')
    throw refuse('before the stage comes smtp. or pop3.');
  const protocols = (['smtp', 'pop3'] as const).filter((protocol) => STAGES[protocol].includes(stage));
  const [only, other] = protocols;
  if (only === undefined) throw refuse(`there is no stage '${stage}'`);
  if (prefix !== undefined) {
    if (!protocols.includes(prefix)) throw refuse(`${prefix.toUpperCase()} has no stage '${stage}'`);
    return prefix;
  }
  if (other === undefined) return only;
  if (action.kind === 'reply') return 'smtp';
  if (action.kind === 'refuse') return 'pop3';
  throw refuse(`both protocols have this stage: write smtp.${stage} or pop3.${stage}`);
}

function checkFit(
  protocol: Protocol,
  stage: string,
  action: FaultAction,
  refuse: (why: string) => UsageError,
): void {
  if (action.kind === 'reply' && protocol === 'pop3') throw refuse('POP3 has no reply codes, write -ERR');
  if (action.kind === 'refuse' && protocol === 'smtp') throw refuse('SMTP has reply codes, write one');
  if (action.kind === 'hide' && stage !== 'ehlo' && stage !== 'capa') {
    throw refuse('only ehlo and capa can hide a capability');
  }
  if (stage === 'body' && !['drop', 'slow', 'stall'].includes(action.kind)) {
    throw refuse('at body there is no reply: only drop, slow and stall');
  }
}

/** The faults of one sandbox, with the counts of both servers. */
export class Faults {
  readonly #faults: readonly Fault[];
  readonly #counts = new Map<string, number>();
  readonly #onFault: (fault: Fault) => void;

  /** Throws a UsageError at the first of `texts` that cannot be read. */
  constructor(texts: readonly string[], onFault: (fault: Fault) => void) {
    this.#faults = texts.map(parseFault);
    this.#onFault = onFault;
  }

  /** To be called each time a stage is reached; what to do instead of going on, if anything. */
  next(protocol: 'smtp', stage: SmtpStage): FaultAction | undefined;
  next(protocol: 'pop3', stage: Pop3Stage): FaultAction | undefined;
  next(protocol: Protocol, stage: string): FaultAction | undefined {
    const key = `${protocol}.${stage}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    const fault = this.#faults.find(
      (one) => one.protocol === protocol && one.stage === stage && one.from <= count && count <= one.to,
    );
    if (fault !== undefined) this.#onFault(fault);
    return fault?.action;
  }
}
