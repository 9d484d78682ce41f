import { describe, expect, it } from 'vitest';
import { mailtool } from './mailtool.ts';
import { lineServer, smtpServer } from './scripted-server.ts';

const REPLIES: Readonly<Record<string, string>> = {
  'ann@example.org': '250 2.1.5 Ann <ann@example.org>\r\n',
  'bob@example.org': '550 5.1.1 no \u001b[31msuch\tuser\r\n',
  'cat@example.org': '252 2.0.0 try and see\r\n',
  'dan@example.org': '451 4.3.0 come again\r\n',
  'eve@example.org': '501 5.5.4 what?\r\n',
  'fay@example.org': '501 5.1.3 bad address\r\n',
  staff: '250-2.1.5 <ann@example.org>\r\n250 2.1.5 Bob <bob@example.org>\r\n',
};
const answer = (line: string) => REPLIES[/[^ <]*@[^ >]*|staff$/.exec(line)?.[0] ?? ''] ?? '502 5.5.1 no\r\n';
const server = () => smtpServer({ VRFY: answer, EXPN: answer, RCPT: answer });
const verify = (port: number, ...args: string[]) =>
  mailtool(['verify', ...args, '--smtp-host', `127.0.0.1:${port}`]);

describe('verify', () => {
  it.each([
    [['ann'], 0, ['ok']],
    [['ann', 'bob'], 67, ['ok', 'no']],
    [['cat'], 1, ['undisclosed']],
    [['ann', 'dan', 'cat'], 75, ['ok', 'unknown', 'undisclosed']],
    [['eve'], 1, ['unknown']],
    [['bob', 'dan'], 67, ['no', 'unknown']],
    [['fay'], 67, ['no']],
  ] as const)('%s: exit %d, %s', async (names, exit, statuses) => {
    await using mx = await server();
    const addresses = names.map((name) => `${name}@example.org`);
    const { code, stdout } = await verify(mx.port, ...addresses, '--json');
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ schema: 'mailtool.verify/1', ok: exit === 0, error: null });
    expect(document.results).toEqual(
      addresses.map((address, index) => ({
        address,
        status: statuses[index],
        reply: expect.objectContaining({ code: expect.any(Number), text: expect.any(String) }),
        members: [],
      })),
    );
    expect(code).toBe(exit);
    expect(mx.lines.slice(1)).toEqual([...addresses.map((address) => `VRFY ${address}`), 'QUIT']);
  });

  it('prints a line for each, which no server can break out of', async () => {
    await using mx = await server();
    const { code, stdout, stderr } = await verify(mx.port, 'bob@example.org', 'cat@example.org');
    expect({ code, stderr }).toEqual({ code: 67, stderr: '' });
    expect(stdout).toBe(
      'bob@example.org\tno\t550 5.1.1 no ^[[31msuch^Iuser\ncat@example.org\tundisclosed (252)\t252 2.0.0 try and see\n',
    );
  });

  it('--expn lists the members', async () => {
    await using mx = await server();
    const { code, stdout } = await verify(mx.port, '--expn', 'staff', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).results).toMatchObject([
      { address: 'staff', status: 'ok', members: ['<ann@example.org>', 'Bob <bob@example.org>'] },
    ]);
    expect((await verify(mx.port, '--expn', 'staff')).stdout).toMatch(
      /^staff\tok\t.*\n {2}<ann@example.org>\n {2}Bob <bob@example.org>\n$/,
    );
    expect(mx.lines).toContain('EXPN staff');
  });

  it('--rcpt asks in a transaction that it takes back, with the sender of the settings or none', async () => {
    await using mx = await server();
    const { code } = await verify(mx.port, '--rcpt', 'Ann <ann@example.org>', 'bob@example.org');
    expect(code).toBe(67);
    expect(mx.lines.slice(1)).toEqual([
      'MAIL FROM:<>',
      'RCPT TO:<ann@example.org>',
      'RCPT TO:<bob@example.org>',
      'RSET',
      'QUIT',
    ]);
    await verify(mx.port, '--rcpt', 'ann@example.org', '-f', 'me@example.org');
    expect(mx.lines).toContain('MAIL FROM:<me@example.org>');
    expect(mx.lines.join()).not.toContain('DATA');
  });

  it.each(['500 5.5.1 what?', '502 5.5.1 disabled'])('%s: not offered, 69', async (reply) => {
    await using mx = await smtpServer({ VRFY: `${reply}\r\n` });
    const { code, stdout, stderr } = await verify(mx.port, 'ann@example.org');
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/^mailtool: error: the server does not offer VRFY: .*\nhint: .*--rcpt/);
    expect(mx.lines.at(-1)).toBe('QUIT');
  });

  it('what was found before a failure is in the document', async () => {
    await using mx = await smtpServer({
      VRFY: (line) => (line.includes('ann') ? answer(line) : '421 bye\r\n'),
    });
    const { code, stdout } = await verify(mx.port, 'ann@example.org', 'x@example.org', '--json');
    expect(code).toBe(75);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, results: [{ status: 'ok' }], error: { exit: 75 } });
  });

  it('a wanted log-in is 77', async () => {
    await using mx = await smtpServer({ VRFY: '530 5.7.0 log in\r\n' });
    expect((await verify(mx.port, 'ann@example.org')).code).toBe(77);
  });

  it.each([
    [['--expn', '--rcpt', 'a@b'], 64],
    [[], 64],
    [[''], 65],
    [['a@b\r\nDATA'], 65],
    [['--rcpt', 'a@b\nRCPT TO:<c@d>'], 65],
    [['--rcpt', 'nobody'], 65],
  ])('refuses %j before it connects', async (args, exit) => {
    await using mx = await lineServer('220 hi\r\n', () => '250 ok\r\n');
    const { code, stdout, stderr } = await verify(mx.port, ...args);
    expect({ code, stdout, lines: mx.lines }).toEqual({ code: exit, stdout: '', lines: [] });
    expect(stderr).toMatch(/^mailtool: error: .+\nhint: .+\n$/);
  });
});
