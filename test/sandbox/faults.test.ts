import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { FAULT_GRAMMAR, Faults, POP3_STAGES, parseFault, SMTP_STAGES } from '../../src/sandbox/faults.ts';

describe('the fault grammar', () => {
  it.each([
    ['rcpt:450', { protocol: 'smtp', stage: 'rcpt', action: { kind: 'reply', code: 450, text: '' } }],
    ['rcpt:450@2', { from: 2, to: 2 }],
    ['rcpt:450@2+', { from: 2, to: Infinity }],
    ['rcpt:450@2-4', { from: 2, to: 4 }],
    ['RCPT:550 no such user', { stage: 'rcpt', action: { kind: 'reply', code: 550, text: 'no such user' } }],
    [
      'rcpt:550 ask b@example.org@3',
      { from: 3, action: { kind: 'reply', code: 550, text: 'ask b@example.org' } },
    ],
    ['pass:-ERR', { protocol: 'pop3', stage: 'pass', action: { kind: 'refuse', text: '' } }],
    ['dele:-ERR [SYS/TEMP] busy@1', { action: { kind: 'refuse', text: '[SYS/TEMP] busy' }, from: 1 }],
    ['capa:-ERR', { protocol: 'pop3', stage: 'capa' }],
    ['retr:cut', { protocol: 'pop3', action: { kind: 'cut' } }],
    ['eod:lose', { protocol: 'smtp', stage: 'eod', action: { kind: 'lose' } }],
    ['body:drop', { protocol: 'smtp', stage: 'body', action: { kind: 'drop' } }],
    ['data:slow', { action: { kind: 'slow', milliseconds: 1000 } }],
    ['data:slow=20ms', { action: { kind: 'slow', milliseconds: 20 } }],
    ['data:slow=2s', { action: { kind: 'slow', milliseconds: 2000 } }],
    ['data:slow=1m', { action: { kind: 'slow', milliseconds: 60_000 } }],
    ['mail:stall', { action: { kind: 'stall' } }],
    ['ehlo:hide=PIPELINING+size', { action: { kind: 'hide', keywords: ['PIPELINING', 'SIZE'] } }],
    ['capa:hide=UIDL', { protocol: 'pop3', action: { kind: 'hide', keywords: ['UIDL'] } }],
    ['quit:421', { protocol: 'smtp' }],
    ['quit:-ERR', { protocol: 'pop3' }],
    ['smtp.quit:drop', { protocol: 'smtp', stage: 'quit' }],
    ['pop3.greeting:stall', { protocol: 'pop3', stage: 'greeting' }],
  ])('reads %s', (text, expected) => {
    const parsed = parseFault(text);
    expect(parsed).toMatchObject(expected);
    expect(parsed.text).toBe(text);
  });

  it.each([
    ['', 'STAGE:ACTION'],
    ['rcpt', 'STAGE:ACTION'],
    ['nosuch:drop', 'greeting'],
    ['rcpt:explode', 'drop'],
    ['rcpt:250', '400 to 599'],
    ['rcpt:600', '400 to 599'],
    ['rcpt:-ERR', 'SMTP'],
    ['retr:450', 'POP3'],
    ['quit:drop', 'smtp.quit'],
    ['smtp.retr:drop', 'retr'],
    ['imap.list:drop', 'smtp.'],
    ['rcpt:450@0', '@'],
    ['rcpt:450@x', '@'],
    ['rcpt:450@4-2', '@'],
    ['data:slow=soon', 'slow='],
    ['rcpt:hide=SIZE', 'ehlo'],
    ['ehlo:hide=', 'hide='],
    ['body:450', 'body'],
    ['pass:-ERR a\r\n+OK', 'line'],
    ['rcpt:450 \u00e4', 'ASCII'],
  ])('refuses %j and says what would be valid', (text, words) => {
    expect(() => parseFault(text)).toThrow(UsageError);
    try {
      parseFault(text);
    } catch (error) {
      const { message, hint } = error as UsageError;
      expect(`${message} ${hint}`).toContain(words);
    }
  });

  it('lists every stage and action in the hint', () => {
    try {
      parseFault('nosuch:drop');
    } catch (error) {
      const { hint } = error as UsageError;
      for (const word of [
        'greeting',
        'rcpt',
        'eod',
        'retr',
        'uidl',
        'drop',
        'slow',
        'cut',
        'stall',
        'lose',
        'hide',
        '@N',
      ]) {
        expect(hint).toContain(word);
      }
    }
  });
});

it('has a grammar in words that names every stage and action, at most 100 columns wide', () => {
  for (const stage of [...SMTP_STAGES, ...POP3_STAGES])
    expect(FAULT_GRAMMAR).toMatch(new RegExp(`\\b${stage}\\b`));
  for (const action of ['drop', 'lose', 'cut', 'slow', 'stall', 'hide', '450', '-ERR']) {
    expect(FAULT_GRAMMAR).toMatch(new RegExp(`(^|\\s)${action}[ =[]`));
  }
  for (const line of FAULT_GRAMMAR.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

describe('Faults', () => {
  it('counts how often a stage is reached, per protocol', () => {
    const seen: string[] = [];
    const faults = new Faults(
      ['rcpt:450@2', 'rcpt:550@4+', 'smtp.noop:drop@1', 'pop3.noop:drop@2'],
      (fault) => seen.push(fault.text),
    );
    const rcpt = [1, 2, 3, 4, 5].map(() => faults.next('smtp', 'rcpt'));
    expect(rcpt.map((action) => (action?.kind === 'reply' ? action.code : undefined))).toEqual([
      undefined,
      450,
      undefined,
      550,
      550,
    ]);
    expect(faults.next('smtp', 'noop')).toEqual({ kind: 'drop' });
    expect(faults.next('pop3', 'noop')).toBeUndefined();
    expect(faults.next('pop3', 'noop')).toEqual({ kind: 'drop' });
    expect(seen).toEqual([
      'rcpt:450@2',
      'rcpt:550@4+',
      'rcpt:550@4+',
      'smtp.noop:drop@1',
      'pop3.noop:drop@2',
    ]);
  });

  it('takes the first of several that fit', () => {
    const faults = new Faults(['mail:421@1', 'mail:drop'], () => {});
    expect(faults.next('smtp', 'mail')).toMatchObject({ code: 421 });
    expect(faults.next('smtp', 'mail')).toEqual({ kind: 'drop' });
  });
});
