import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AuthenticationError, ProtocolError, UsageError } from '../../src/errors.ts';
import { Pop3Session, type SessionOptions } from '../../src/pop3/session.ts';
import { type State, VERBS, type Verb } from '../../src/pop3/verbs.ts';

const PIPELINING = new Map([['PIPELINING', '']]);

function greeted(options: SessionOptions = {}): Pop3Session {
  const session = new Pop3Session({ protected: true, ...options });
  session.receive(Buffer.from('+OK ready'));
  return session;
}

function loggedIn(options: SessionOptions = {}): Pop3Session {
  const session = greeted(options);
  for (const [verb, word] of [
    ['USER', 'ann'],
    ['PASS', 'secret'],
  ] as const) {
    session.send(verb, word);
    session.receive(Buffer.from('+OK'));
  }
  return session;
}

/** A session in each state that commands can be sent in. */
const IN: Readonly<Record<State, () => Pop3Session>> = {
  greeting: () => new Pop3Session({ protected: true }),
  authorization: greeted,
  named: () => {
    const session = greeted();
    session.send('USER', 'ann');
    session.receive(Buffer.from('+OK'));
    return session;
  },
  exchange: () => {
    const session = greeted();
    session.send('AUTH', 'PLAIN');
    session.receive(Buffer.from('+ '));
    return session;
  },
  handshake: () => {
    const session = greeted();
    session.send('STLS');
    session.receive(Buffer.from('+OK'));
    return session;
  },
  transaction: loggedIn,
  marked: () => {
    const session = loggedIn();
    session.send('DELE', 1);
    session.receive(Buffer.from('+OK'));
    return session;
  },
  closed: () => {
    const session = loggedIn();
    session.send('QUIT');
    session.receive(Buffer.from('+OK'));
    return session;
  },
};

describe('the table', () => {
  const states = Object.keys(IN) as State[];
  const verbs = (Object.keys(VERBS) as Verb[]).filter((verb) => verb !== 'GREETING');

  test.each(states)('in state %s exactly the verbs of the table are legal', (state) => {
    for (const verb of verbs) {
      const session = IN[state]();
      expect(session.state).toBe(state);
      const legal = (VERBS[verb].from as readonly State[]).includes(state);
      if (legal) expect(session.send(verb, 'x').line).toMatch(/\r\n$/);
      else expect(() => session.send(verb, 'x'), `${verb} in ${state}`).toThrow(UsageError);
    }
  });

  test('a greeting is never sent', () => {
    expect(() => new Pop3Session().send('GREETING')).toThrow(UsageError);
    expect(() => greeted().send('GREETING')).toThrow(UsageError);
  });

  test('nothing but the table says what happens after STLS: no command before the handshake', () => {
    const session = IN.handshake();
    for (const verb of verbs) expect(() => session.send(verb)).toThrow(UsageError);
    session.secured();
    expect(session.send('CAPA').line).toBe('CAPA\r\n');
  });

  test('what was announced before STLS is forgotten', () => {
    const session = greeted({ protected: false });
    session.learn(PIPELINING);
    session.send('STLS');
    session.receive(Buffer.from('+OK'));
    expect(session.capabilities.size).toBe(0);
    expect(session.pipelining).toBe(false);
  });

  test('TLS without STLS is a mistake', () => {
    expect(() => greeted().secured()).toThrow(UsageError);
  });
});

describe('statuses move the state', () => {
  const after = (state: State, verb: Verb, status: string) => {
    const session = IN[state]();
    session.send(verb, 'x');
    session.receive(Buffer.from(status));
    return session.state;
  };

  test.each<[State, Verb, string, State]>([
    ['authorization', 'STLS', '-ERR', 'authorization'],
    ['authorization', 'USER', '-ERR', 'authorization'],
    ['named', 'PASS', '-ERR', 'authorization'],
    ['authorization', 'APOP', '-ERR', 'authorization'],
    ['authorization', 'APOP', '+OK', 'transaction'],
    ['authorization', 'AUTH', '+OK', 'transaction'],
    ['authorization', 'AUTH', '+ abc', 'exchange'],
    ['authorization', 'AUTH', '-ERR', 'authorization'],
    ['exchange', 'RESPONSE', '+ abc', 'exchange'],
    ['exchange', 'RESPONSE', '+OK', 'transaction'],
    ['exchange', 'RESPONSE', '-ERR', 'authorization'],
    ['transaction', 'DELE', '-ERR', 'transaction'],
    ['transaction', 'DELE', '+OK', 'marked'],
    ['marked', 'DELE', '-ERR', 'marked'],
    ['marked', 'RSET', '+OK', 'transaction'],
    ['marked', 'RSET', '-ERR', 'marked'],
    ['marked', 'STAT', '+OK 1 2', 'marked'],
    ['marked', 'QUIT', '-ERR', 'closed'],
    ['authorization', 'QUIT', '+OK', 'closed'],
  ])('in %s, %s answered by %s leads to %s', (state, verb, status, to) => {
    expect(after(state, verb, status)).toBe(to);
  });

  test('a greeting that refuses closes', () => {
    const session = new Pop3Session();
    expect(session.receive(Buffer.from('-ERR busy'))).toMatchObject({ verb: 'GREETING', ok: false });
    expect(session.state).toBe('closed');
  });
});

describe('replies', () => {
  test('one that nothing asked for is a protocol error', () => {
    const session = loggedIn();
    expect(() => session.receive(Buffer.from('+OK too much'))).toThrow(ProtocolError);
  });

  test('a challenge outside of AUTH is a protocol error', () => {
    const session = loggedIn();
    session.send('STAT');
    expect(() => session.receive(Buffer.from('+ abc'))).toThrow(ProtocolError);
  });

  test('a status line is bounded; a challenge may be longer', () => {
    const session = loggedIn();
    session.send('STAT');
    expect(session.receive(Buffer.from(`+OK ${'x'.repeat(4092)}`)).ok).toBe(true);
    session.send('STAT');
    expect(() => session.receive(Buffer.from(`+OK ${'x'.repeat(4093)}`))).toThrow(ProtocolError);
    const other = IN.exchange();
    other.send('RESPONSE', 'abc');
    expect(other.receive(Buffer.from(`+ ${'x'.repeat(9000)}`)).status.text).toHaveLength(9000);
  });

  test('until a block has been read, nothing else may be', () => {
    const session = loggedIn();
    session.learn(PIPELINING);
    session.send('RETR', 1);
    session.send('RETR', 2);
    expect(session.receive(Buffer.from('+OK')).block).toBe(true);
    expect(() => session.receive(Buffer.from('+OK'))).toThrow(UsageError);
    expect(() => session.send('NOOP')).toThrow(UsageError);
    session.blockEnded();
    expect(session.receive(Buffer.from('-ERR gone'))).toMatchObject({
      verb: 'RETR',
      ok: false,
      block: false,
    });
    expect(session.send('NOOP').line).toBe('NOOP\r\n');
  });
});

describe('pipelining is the queue', () => {
  test('without the capability every command waits for the status before it', () => {
    const session = loggedIn();
    session.send('RETR', 1);
    expect(() => session.send('RETR', 2)).toThrow(UsageError);
  });

  test.each([
    ['auto', PIPELINING, true],
    ['auto', new Map(), false],
    ['on', new Map(), true],
    ['off', PIPELINING, false],
  ] as const)('pipelining %s with %s: %s', (pipelining, capabilities, expected) => {
    const session = loggedIn({ pipelining });
    session.learn(capabilities);
    expect(session.pipelining).toBe(expected);
  });

  test('statuses go to commands in order, a refusal to its own', () => {
    const session = loggedIn();
    session.learn(PIPELINING);
    for (const number of [1, 2, 3]) session.send('DELE', number);
    expect(session.due).toBe(3);
    const answers = ['+OK', '-ERR gone', '+OK'].map((line) => session.receive(Buffer.from(line)));
    expect(answers.map(({ command, ok }) => [command, ok])).toEqual([
      ['DELE 1', true],
      ['DELE 2', false],
      ['DELE 3', true],
    ]);
    expect(session.state).toBe('marked');
  });

  test('nothing goes out behind STLS, AUTH, PASS or QUIT', () => {
    for (const [state, verb] of [
      ['authorization', 'STLS'],
      ['authorization', 'AUTH'],
      ['named', 'PASS'],
      ['transaction', 'QUIT'],
    ] as const) {
      const session = IN[state]();
      session.learn(PIPELINING);
      session.send(verb, 'x');
      for (const next of ['CAPA', 'NOOP', 'STAT', 'RESPONSE'] as const) {
        expect(() => session.send(next), `${next} behind ${verb}`).toThrow(UsageError);
      }
    }
  });

  test('the state ahead is judged as if all that is due succeeds', () => {
    const session = greeted();
    session.learn(PIPELINING);
    session.send('USER', 'ann');
    expect(session.send('PASS', 'secret').line).toBe('PASS secret\r\n');
    session.receive(Buffer.from('-ERR who?'));
    session.receive(Buffer.from('-ERR USER first'));
    expect(session.state).toBe('authorization');
    expect(() => session.send('STAT')).toThrow(UsageError);
  });
});

describe('lines', () => {
  test('no control character, and no half of a surrogate pair, ever gets into a line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const session = IN.named();
        try {
          const { line } = session.send('PASS', text);
          expect(line.slice(0, -2)).not.toMatch(/[\u0000-\u001f\u007f]/);
          expect(Buffer.from(line).toString()).toBe(line);
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(255);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });

  test.each(['\r', '\n', '\0', '\t', '\x1b', '\x7f', 'a\r\nDELE 1', '\ud800'])('%j is refused', (bad) => {
    for (const [state, verb] of [
      ['named', 'PASS'],
      ['authorization', 'USER'],
      ['authorization', 'APOP'],
      ['authorization', 'AUTH'],
      ['exchange', 'RESPONSE'],
      ['transaction', 'UIDL'],
    ] as const) {
      const session = IN[state]();
      expect(() => session.send(verb, bad)).toThrow(UsageError);
      expect(session.due).toBe(0);
    }
  });

  test.each([Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 53])(
    '%d is not a message number',
    (number) => {
      expect(() => loggedIn().send('RETR', number)).toThrow(UsageError);
    },
  );

  test('255 octets with CRLF are the limit (RFC 2449 4), counted in UTF-8; responses may be longer', () => {
    expect(IN.named().send('PASS', 'x'.repeat(248)).line).toHaveLength(255);
    expect(() => IN.named().send('PASS', 'x'.repeat(249))).toThrow(/256 octets/);
    expect(() => IN.named().send('PASS', 'é'.repeat(125))).toThrow(UsageError);
    expect(IN.exchange().send('RESPONSE', 'x'.repeat(12_288)).line).toHaveLength(12_290);
    expect(() => IN.exchange().send('RESPONSE', 'x'.repeat(65_535))).toThrow(UsageError);
  });

  test('no secret is in the form that is shown', () => {
    expect(IN.authorization().send('USER', 'annie').shown).toBe('USER [redacted 5 bytes]');
    expect(IN.named().send('PASS', 'a long secret').shown).toBe('PASS [redacted 13 bytes]');
    expect(IN.authorization().send('APOP', 'ann', 'c4c9').shown).toBe(
      'APOP [redacted 3 bytes] [redacted 4 bytes]',
    );
    expect(IN.authorization().send('AUTH', 'PLAIN', 'AGFubg==').shown).toBe('AUTH PLAIN [redacted 8 bytes]');
    expect(IN.exchange().send('RESPONSE', 'AGFubg==').shown).toBe('[redacted 8 bytes]');
    expect(IN.exchange().send('RESPONSE', '*').shown).toBe('*');
    expect(IN.transaction().send('TOP', 3, 0).shown).toBe('TOP 3 0');
  });

  test('not even in the error for a line that cannot be sent', () => {
    for (const send of [
      () => IN.named().send('PASS', 'hush\nhush'),
      () => IN.named().send('PASS', 'hush'.repeat(99)),
    ]) {
      try {
        send();
        expect.unreachable();
      } catch (error) {
        expect(JSON.stringify(error) + String(error)).not.toContain('hush');
      }
    }
  });
});

describe('the gate', () => {
  test('no password goes over an unprotected connection', () => {
    const session = greeted({ protected: false });
    expect(() => session.send('USER', 'ann')).toThrow(AuthenticationError);
    expect(session.due).toBe(0);
  });

  test('unless that is allowed, or TLS has come meanwhile', () => {
    expect(greeted({ protected: false, allowCleartextAuth: true }).send('USER', 'ann').line).toBe(
      'USER ann\r\n',
    );
    const session = greeted({ protected: false });
    session.send('STLS');
    session.receive(Buffer.from('+OK'));
    session.secured();
    expect(session.send('USER', 'ann').line).toBe('USER ann\r\n');
  });
});
