import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineFramer } from '../../src/codec/lines.ts';
import { ProtocolError, UsageError } from '../../src/errors.ts';
import { ReplyParser, type SmtpReply } from '../../src/smtp/reply.ts';
import { type Exchange, SmtpSession, VERBS, type Verb } from '../../src/smtp/session.ts';
import { chunks, FEEDS } from '../feeds.ts';

/** A session that has got these replies to these commands. */
function sessionAfter(...turns: readonly (readonly [Verb, string] | string)[]): SmtpSession {
  const session = new SmtpSession();
  for (const turn of turns) {
    if (typeof turn !== 'string') session.send({ verb: turn[0], argument: 'x' });
    session.receive(Buffer.from(typeof turn === 'string' ? turn : turn[1]));
  }
  return session;
}
const ready = ['220 hi', ['EHLO', '250 ok']] as const;
const inData = [...ready, ['MAIL', '250'], ['RCPT', '250'], ['DATA', '354']] as const;

describe('the table', () => {
  test('each verb is refused wherever its row does not name the state', () => {
    const states = {
      opening: () => sessionAfter(),
      greeted: () => sessionAfter('220 hi'),
      ready: () => sessionAfter(...ready),
      auth: () => sessionAfter(...ready, ['AUTH', '334 ']),
      securing: () => sessionAfter(...ready, ['STARTTLS', '220 go']),
      mail: () => sessionAfter(...ready, ['MAIL', '250']),
      rcpt: () => sessionAfter(...ready, ['MAIL', '250'], ['RCPT', '250']),
      data: () => sessionAfter(...inData),
      chunk: () => sessionAfter(...ready, ['MAIL', '250'], ['RCPT', '250'], ['BDAT', '250']),
      closed: () => sessionAfter(...ready, ['QUIT', '221']),
    };
    for (const [state, make] of Object.entries(states)) {
      expect(make().state).toBe(state);
      for (const verb of Object.keys(VERBS) as Verb[]) {
        const legal = (VERBS[verb].from as readonly string[]).includes(state) && state !== 'opening';
        if (legal) expect(() => make().send({ verb })).not.toThrow();
        else expect(() => make().send({ verb }), `${verb} in ${state}`).toThrow(UsageError);
      }
    }
  });

  test('a group is judged as if it will succeed; a refusal moves the state that is', () => {
    const session = sessionAfter(...ready);
    session.send({ verb: 'MAIL', argument: 'FROM:<a@b>' });
    session.send({ verb: 'RCPT', argument: 'TO:<c@d>' });
    session.receive(Buffer.from('550 no'));
    session.receive(Buffer.from('503 no'));
    expect(session.state).toBe('ready');
    expect(() => session.send({ verb: 'DATA' })).toThrow(UsageError);
  });

  test.each(['EHLO', 'STARTTLS', 'AUTH', 'DATA'] as const)('nothing may follow %s unanswered', (verb) => {
    const session =
      verb === 'DATA' ? sessionAfter(...ready, ['MAIL', '250'], ['RCPT', '250']) : sessionAfter(...ready);
    session.send({ verb });
    expect(() => session.send({ verb: 'NOOP' })).toThrow(UsageError);
  });

  test('a group may hold chunks, and what begins the next transaction behind them', () => {
    const session = sessionAfter(...ready, ['MAIL', '250'], ['RCPT', '250']);
    expect(session.send({ verb: 'BDAT', argument: '9' }).line).toBe('BDAT 9\r\n');
    expect(session.send({ verb: 'LAST', argument: '0' }).line).toBe('BDAT 0 LAST\r\n');
    expect(session.send({ verb: 'RSET' }).line).toBe('RSET\r\n');
    session.receive(Buffer.from('552 no'));
    session.receive(Buffer.from('503 no'));
    session.receive(Buffer.from('250 ok'));
    expect(session.state).toBe('ready');
  });

  test('behind the end of a message the next transaction may open; a message to nobody can be ended', () => {
    const session = sessionAfter(...ready, ['MAIL', '250'], ['RCPT', '250'], ['DATA', '354']);
    for (const verb of ['END', 'MAIL', 'RCPT', 'DATA'] as const) session.send({ verb });
    expect(() => session.send({ verb: 'END' })).toThrow(UsageError);
    for (const reply of ['250 taken', '250 ok', '550 no such user', '354 go on'])
      session.receive(Buffer.from(reply));
    expect(session.state).toBe('data');
    session.send({ verb: 'END' });
    session.receive(Buffer.from('554 no recipients'));
    expect(session.state).toBe('ready');
  });

  test('the end of the data has a reply for each recipient in LMTP, and one in SMTP', () => {
    for (const [protocol, replies] of [
      ['lmtp', 2],
      ['smtp', 1],
    ] as const) {
      for (const end of ['END', 'LAST'] as const) {
        const session = new SmtpSession('greeted', protocol);
        const turn = (verb: Verb, reply: string) => {
          session.send({ verb, argument: 'x' });
          return session.receive(Buffer.from(reply));
        };
        turn('LHLO', '250 ok');
        for (let transaction = 0; transaction < 2; transaction++) {
          turn('MAIL', '250 ok');
          for (const reply of ['250', '550', '250']) turn('RCPT', reply);
          if (end === 'END') turn('DATA', '354');
          session.send({ verb: end, argument: '1' });
          expect(session.waiting).toBe(replies);
          for (let count = 0; count < replies; count++) session.receive(Buffer.from('550 no'));
          expect(session.state).toBe('ready');
          expect(() => session.receive(Buffer.from('250 more'))).toThrow(ProtocolError);
        }
      }
    }
  });

  test('an unasked reply is an error, unless it is 421', () => {
    expect(() => sessionAfter(...ready, '250 surprise')).toThrow(ProtocolError);
    expect(sessionAfter(...ready, '421 bye').state).toBe('closed');
    expect(sessionAfter('421 full').state).toBe('closed');
  });

  test('a refusal before the end of the data is one of the message', () => {
    const session = sessionAfter(...inData);
    expect(session.receive(Buffer.from('552 too big'))).toMatchObject({
      verb: 'DATA',
      early: true,
      ok: false,
    });
    expect(() => sessionAfter(...inData, '250 thanks')).toThrow(ProtocolError);
  });

  test.each([
    ['MAIL', '354 go on'],
    ['DATA', '250 ok'],
    ['AUTH', '250 ok'],
  ] as const)('%s is not answered by %s', (verb, reply) => {
    const turns = verb === 'DATA' ? [...ready, ['MAIL', '250'] as const, ['RCPT', '250'] as const] : ready;
    expect(() => sessionAfter(...turns, [verb, reply])).toThrow(ProtocolError);
  });
});

test('no argument whatever becomes a second line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (argument) => {
      const session = sessionAfter(...ready);
      let line: string;
      try {
        line = session.send({ verb: 'MAIL', argument }).line;
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return;
      }
      expect(line.slice(0, -2)).not.toMatch(/[\0-\x1f\x7f]/);
      expect(line.endsWith('\r\n')).toBe(true);
    }),
  );
});

test('a command line has a bound', () => {
  const send = (octets: number) =>
    sessionAfter(...ready).send({ verb: 'MAIL', argument: 'x'.repeat(octets - 5) });
  expect(() => send(2048)).not.toThrow();
  expect(() => send(2049)).toThrow(UsageError);
});

describe.each(FEEDS)('replies, fed $name', ({ size }) => {
  function parse(input: string): SmtpReply[] {
    const framer = new LineFramer(70_000);
    const parser = new ReplyParser();
    const replies: SmtpReply[] = [];
    for (const chunk of chunks(Buffer.from(input), size)) {
      framer.push(chunk);
      for (let line = framer.next(); line !== undefined; line = framer.next()) {
        const reply = parser.push(line.bytes);
        if (reply !== undefined) replies.push(reply);
      }
    }
    return replies;
  }

  test.each([
    ['250 ok\r\n', [{ code: 250, text: 'ok', enhanced: null }]],
    ['250\r\n', [{ code: 250, text: '' }]],
    ['250-\r\n250\r\n', [{ code: 250, lines: ['', ''] }]],
    ['250-a\r\n250-b\r\n250 c\r\n', [{ lines: ['a', 'b', 'c'], text: 'a b c' }]],
    ['550-5.1.1 no\r\n550 5.1.1 such user\r\n', [{ enhanced: '5.1.1', text: 'no such user' }]],
    ['250 5.1.1 contradictory\r\n', [{ enhanced: null, text: '5.1.1 contradictory' }]],
    ['250 2.0.0\r\n', [{ enhanced: '2.0.0', text: '' }]],
    ['250-a\r\n550 b\r\n', [{ code: 550, mixed: true }]],
    ['250 a\n250 b\n', [{ text: 'a' }, { text: 'b' }]],
    ['550 Gr\u00fc\u00dfe \u6c49\r\n', [{ text: 'Gr\u00fc\u00dfe \u6c49' }]],
  ])('%j', (input, expected) => {
    expect(parse(input)).toMatchObject(expected);
  });

  test.each([
    'hello\r\n',
    '25 ok\r\n',
    '2500 ok\r\n',
    '150 hm\r\n',
    '650 hm\r\n',
    '250x\r\n',
    '\r\n',
    ' 250 ok\r\n',
  ])('%j is no reply', (input) => {
    expect(() => parse(input)).toThrow(ProtocolError);
  });

  test('lines and their number have bounds', () => {
    expect(parse(`250 ${'x'.repeat(4092)}\r\n`)).toHaveLength(1);
    expect(() => parse(`250 ${'x'.repeat(4093)}\r\n`)).toThrow(ProtocolError);
    expect(parse(`334 ${'x'.repeat(16_000)}\r\n`)).toHaveLength(1);
    expect(parse(`${'250-x\r\n'.repeat(199)}250 x\r\n`)).toHaveLength(1);
    expect(() => parse(`${'250-x\r\n'.repeat(200)}250 x\r\n`)).toThrow(ProtocolError);
  });

  test('any bytes give replies or a ProtocolError, and the same in any chunks', () => {
    const piece = fc.constantFrom('250', '-', ' ', 'ok', '\r\n', '\n', '5.1.1', '421', '\0', '\xff', '9');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')),
        (input) => {
          const parser = new SmtpSession();
          const exchanges: Exchange[] = [];
          try {
            for (const line of input.split('\n')) {
              const exchange = parser.receive(Buffer.from(line));
              if (exchange !== undefined) exchanges.push(exchange);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
    );
  });
});
