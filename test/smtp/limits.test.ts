import { describe, expect, test } from 'vitest';
import { readCapabilities, readLimits } from '../../src/smtp/capabilities.ts';
import { type Receipt, SmtpPool } from '../../src/smtp/index.ts';
import { lineServer } from '../cli/scripted-server.ts';
import { dialogue } from '../dialogue.ts';
import { BYE, connect, ENVELOPE, failureOf, letter, opening, sendTo } from './traps.ts';

const TEXT = 'C: DATA\nS: 354 go on\nC! 4';

/** A transaction for these recipients, all of whom are accepted. */
const taking = (...paths: string[]) => `
  C: MAIL FROM:<a@example.org>
  ${paths.map((path) => `C: RCPT TO:<${path}>`).join('\n')}
  ${'S: 250 ok\n'.repeat(paths.length + 1)}
  ${TEXT}
  S: 250 queued
`;

test.each([
  ['', {}],
  ['RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1', { rcptMax: 20, mailMax: 5, rcptDomainMax: 1 }],
  ['mailmax=5 XMAILMAX=6', { mailMax: 5 }],
  ['MAILMAX=0 RCPTMAX=1000000 RCPTDOMAINMAX=x', {}],
  ['MAILMAX MAILMAX= RCPTMAX=-1', {}],
])('LIMITS %s (RFC 9422 3)', (stated, limits) => {
  const none = Number.POSITIVE_INFINITY;
  const capabilities = readCapabilities(['mx', `LIMITS ${stated}`]);
  expect(readLimits(capabilities)).toEqual({ mailMax: none, rcptMax: none, rcptDomainMax: none, ...limits });
});

describe('RCPTDOMAINMAX', () => {
  const paths = ['b@one.example', 'c@two.example', 'd@ONE.example', 'e@three.example', 'f@two.example'];

  test('so many domains go in one transaction, in any case of letters', async () => {
    const receipt = await dialogue(
      `${opening('LIMITS RCPTDOMAINMAX=1')}
      ${taking('b@one.example', 'd@ONE.example')}
      ${taking('c@two.example', 'f@two.example')}
      ${taking('e@three.example')}
      ${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients: paths }),
    );
    expect([...receipt.accepted.keys()].sort()).toEqual([...paths].sort());
  });

  test('together with RCPTMAX', async () => {
    await dialogue(
      `${opening('LIMITS RCPTDOMAINMAX=2 RCPTMAX=3')}
      ${taking('b@one.example', 'c@two.example', 'd@ONE.example')}
      ${taking('e@three.example', 'f@two.example')}
      ${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients: paths }),
    );
  });

  test('with requireAll more domains stop before MAIL', async () => {
    const error = await dialogue(`${opening('LIMITS RCPTDOMAINMAX=2')}${BYE}`, {}, (port) =>
      failureOf(sendTo(port, letter(), { recipients: paths, requireAll: true })),
    );
    expect(error).toMatchObject({ keyword: 'LIMITS', message: expect.stringContaining('2 domains') });
  });
});

describe('MAILMAX', () => {
  test('is told beforehand, and one more than that does not begin', async () => {
    await dialogue(
      `${opening('LIMITS MAILMAX=2')}${taking('b@example.org')}${taking('b@example.org')}${BYE}`,
      {},
      async (port) => {
        await using client = await connect(port);
        expect(client.limits).toMatchObject({ mailMax: 2 });
        for (const left of [2, 1]) {
          expect(client.transactionsLeft).toBe(left);
          await client.send(ENVELOPE, letter());
        }
        expect(client.transactionsLeft).toBe(0);
        expect(await failureOf(client.send(ENVELOPE, letter()))).toMatchObject({
          keyword: 'LIMITS',
          retryable: true,
          delivery: 'not-sent',
        });
      },
    );
  });

  test.each([
    ['by DATA', false, 'PIPELINING'],
    ['by BDAT', true, 'PIPELINING\r\n250-CHUNKING'],
    ['without PIPELINING', false, 'SIZE'],
  ])('a pool opens another connection for what is over, %s', async (_, chunking, keywords) => {
    const taken: number[] = [];
    await using server = await lineServer('220 mx\r\n', (line) => {
      if (line.startsWith('EHLO')) {
        taken.push(0);
        return `250-mx\r\n250-${keywords}\r\n250 LIMITS MAILMAX=2\r\n`;
      }
      if (line.startsWith('MAIL')) {
        taken.push((taken.pop() ?? 0) + 1);
        if ((taken.at(-1) ?? 0) > 2) return '421 4.5.3 too many\r\n';
      }
      if (line === 'DATA') return '354 go on\r\n';
      if (line === 'QUIT') return '221 bye\r\n';
      return /^(MAIL|RCPT|RSET|BDAT|\.$)/.test(line) ? '250 ok\r\n' : '';
    });
    await using pool = new SmtpPool({ host: '127.0.0.1', port: server.port, security: 'none', ehlo: 'me' });
    const small = () => Object.assign(letter(), { size: 19 });
    const sent = Array.from({ length: 5 }, () => pool.send(ENVELOPE, small(), { chunking }));
    expect((await Promise.all(sent)).map(({ accepted }) => accepted.size)).toEqual([1, 1, 1, 1, 1]);
    expect(taken).toEqual([2, 2, 1]);
  });

  test('a message for more recipients than that takes: the rest is refused for now, and told', async () => {
    const receipt = await dialogue(
      `${opening('LIMITS MAILMAX=2 RCPTMAX=1')}${taking('b@x.org')}${taking('c@x.org')}${BYE}`,
      {},
      (port) => sendTo(port, letter(), { recipients: ['b@x.org', 'c@x.org', 'd@x.org', 'e@x.org'] }),
    );
    expect([...receipt.accepted.keys()]).toEqual(['b@x.org', 'c@x.org']);
    expect([...receipt.rejected]).toMatchObject([
      ['d@x.org', { code: 451, text: expect.stringContaining('2 transactions over one connection') }],
      ['e@x.org', { code: 451 }],
    ]);
  });
});

describe('a message for 1,000 recipients', () => {
  const paths = Array.from({ length: 1000 }, (_, n) => `r${n}@example.org`);
  const refusals: Readonly<Record<string, string>> = Object.fromEntries(
    [3, 99, 100, 517, 999].map((n) => [paths[n], n % 2 === 1 ? '550 5.1.1 no' : '450 4.2.1 busy']),
  );

  /** Takes a message for at most `most` recipients at a time, and notes who got it, transaction by transaction. */
  async function deliveredTo(most: number, keyword: string, refusing = refusals) {
    const got: string[][] = [];
    let now: string[] = [];
    await using server = await lineServer('220 mx\r\n', (line) => {
      if (line.startsWith('EHLO')) return `250-mx\r\n250-${keyword}\r\n250 PIPELINING\r\n`;
      if (line.startsWith('MAIL')) now = [];
      const path = /^RCPT TO:<(.*)>$/.exec(line)?.[1];
      if (path !== undefined) {
        if (refusing[path] !== undefined) return `${refusing[path]}\r\n`;
        if (now.length >= most) return '452 4.5.3 too many recipients\r\n';
        now.push(path);
      }
      if (line === 'DATA') return '354 go on\r\n';
      if (line === '.') got.push(now);
      if (line === 'QUIT') return '221 bye\r\n';
      return /^(MAIL|RCPT|RSET|\.$)/.test(line) ? '250 ok\r\n' : '';
    });
    const receipt = await sendTo(server.port, letter(), { recipients: paths });
    return { got, receipt };
  }

  /** Each has it once or is refused by name, and the receipt says exactly that. */
  function expectExactly(got: readonly string[][], receipt: Receipt, refused = refusals) {
    const all = got.flat();
    expect(new Set(all).size).toBe(all.length);
    expect([...all].sort()).toEqual(paths.filter((path) => refused[path] === undefined).sort());
    expect([...receipt.accepted.keys()].sort()).toEqual([...all].sort());
    const told = [...receipt.rejected].map(([path, { code, enhanced, text }]) => [
      path,
      `${code} ${enhanced} ${text}`,
    ]);
    expect(Object.fromEntries(told)).toEqual(refused);
  }

  test.each([
    ['100 at a time, as 452 tells', 100, 'SIZE', 10],
    ['100 at a time, as LIMITS tells', 100, 'LIMITS RCPTMAX=100', 10],
    ['all at once, in windows of 100 commands', 1000, 'SIZE', 1],
    ['fewer than LIMITS tells', 60, 'LIMITS RCPTMAX=100', 17],
  ])('%s: everybody once', async (_, most, keyword, transactions) => {
    const { got, receipt } = await deliveredTo(most, keyword, {});
    expect(got).toHaveLength(transactions);
    expectExactly(got, receipt, {});
  });

  test.each([
    ['100 at a time, as 452 tells', 100, 'SIZE'],
    ['100 at a time, as LIMITS tells', 100, 'LIMITS RCPTMAX=100'],
    ['all at once', 1000, 'SIZE'],
  ])(
    '%s, some refused in between: they are told by name, the others have it once',
    async (_, most, keyword) => {
      const { got, receipt } = await deliveredTo(most, keyword);
      expectExactly(got, receipt);
    },
  );
});
