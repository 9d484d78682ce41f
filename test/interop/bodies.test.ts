import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mailtool, smtpOpen } from './command.ts';
import { pythonReads, receive, sha256 } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const LOGO = Buffer.from('89504e470d0a1a0a00ff', 'hex');
const EARLIER =
  'From: x@mail.test\nSubject: Plan\nContent-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n' +
  'Content-Transfer-Encoding: 8bit\n\nGrüße\n';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailtool-bodies-'));
  writeFileSync(join(dir, 'logo.png'), LOGO);
  writeFileSync(join(dir, 'page.html'), '<h1>您好</h1><img src="logo.png">');
  writeFileSync(join(dir, 'tea.ics'), 'BEGIN:VCALENDAR\nMETHOD:REQUEST\nSUMMARY:茶\nEND:VCALENDAR\n');
  writeFileSync(join(dir, 'earlier.eml'), EARLIER);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = (name: string) => join(dir, name);

describeInterop('all that a message can hold', (servers) => {
  it.each([
    ['plain', true],
    ['sevenBit', false],
  ] as const)('arrives (%s)', async (kind, eightBit) => {
    const marker = randomUUID();
    const copy = file(`${kind}.eml`);
    const { status, stderr } = await mailtool(
      [
        ...[
          'send',
          '-t',
          'alice@mail.test',
          '-s',
          marker,
          '--html-file',
          file('page.html'),
          '--save-copy',
          copy,
        ],
        ...['--calendar', file('tea.ics'), '--forward', file('earlier.eml')],
      ],
      { env: smtpOpen(servers, servers.smtp[kind]) },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { raw } = await receive(servers, account(servers, 'alice'), marker);
    expect(raw.some((octet) => octet > 127)).toBe(eightBit);
    expect(raw.includes(readFileSync(copy).subarray(0, -2))).toBe(true);
    const { parts, defects } = await pythonReads(raw);
    expect(defects).toEqual([]);
    const texts = parts.map(({ type, text }) => [
      type,
      ...(text == null ? [] : [text.trim().replaceAll('\r\n', '\n')]),
    ]);
    expect(texts).toEqual([
      ['text/plain', '您好'],
      ['text/html', expect.stringMatching(/^<h1>您好<\/h1><img src="cid:[^"]+">$/)],
      ['image/png'],
      ['text/calendar', 'BEGIN:VCALENDAR\nMETHOD:REQUEST\nSUMMARY:茶\nEND:VCALENDAR'],
      ['application/ics'],
      ['text/plain', 'Grüße'],
    ]);
    expect(parts[2]?.sha256).toBe(sha256(LOGO));
  });

  it('goes on to somebody else, as it is', async () => {
    const marker = randomUUID();
    writeFileSync(file('resent.eml'), `X-Marker: ${marker}\nSubject: ${marker}\n${EARLIER}`);
    const { status, stderr } = await mailtool(
      ['send', '--resend', file('resent.eml'), '-t', 'alice@mail.test'],
      {
        env: smtpOpen(servers, servers.smtp.plain),
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { raw } = await receive(servers, account(servers, 'alice'), marker);
    expect(raw.toString()).toMatch(/^Resent-To: alice@mail\.test\r?$/m);
    expect(raw.toString().replaceAll('\r\n', '\n')).toContain(EARLIER.slice(EARLIER.indexOf('Content-Type')));
  });
});
