import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { mailtool, smtpOpen } from './command.ts';
import { pythonReads, receive, sha256 } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

// A CR at its end would be one with the line end before the boundary.
const FILE = Buffer.concat([randomBytes(3_000), Buffer.from('.')]);
const TEXT = 'Grüße, and the rest of it is plain.\n您好\n';

/** A message in 8 bits and octets, as a file of lines that end in LF. */
function rawMessage(marker: string): Buffer {
  return Buffer.concat([
    Buffer.from(
      `From: sender@mail.test\nTo: alice@mail.test\nX-Marker: ${marker}\nSubject: ${marker}\nMIME-Version: 1.0\n` +
        'Content-Type: multipart/mixed; boundary=_x\nContent-Transfer-Encoding: binary\n\n--_x\n' +
        `Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n${TEXT}\n--_x\n` +
        'Content-Type: application/x-any\nContent-Disposition: attachment; filename=any\nContent-Transfer-Encoding: binary\n\n',
    ),
    FILE,
    Buffer.from('\n--_x--\n'),
  ]);
}

describeInterop('what a server takes', (servers) => {
  it.each(['plain', 'sevenBit'] as const)('decides how a finished message goes out (%s)', async (kind) => {
    const marker = randomUUID();
    const { status, stderr } = await mailtool(['send', '--raw', '-'], {
      env: smtpOpen(servers, servers.smtp[kind]),
      stdin: rawMessage(marker),
    });
    expect(stderr, stderr).not.toContain('error');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { raw } = await receive(servers, account(servers, 'alice'), marker);
    expect(raw.some((octet) => octet > 127)).toBe(kind === 'plain');
    const { parts, defects } = await pythonReads(raw);
    expect(defects).toEqual([]);
    expect(parts[0]?.text?.replaceAll('\r\n', '\n')).toBe(TEXT);
    expect(parts[1]?.sha256).toBe(sha256(FILE));
  });

  it.each([
    ['plain', true],
    ['sevenBit', false],
  ] as const)('decides how a Chinese text goes out (%s)', async (kind, eightBit) => {
    const marker = randomUUID();
    const { status } = await mailtool(['send', '-t', 'alice@mail.test', '-s', marker], {
      env: smtpOpen(servers, servers.smtp[kind]),
      stdin: '您好，请查收附件。\n',
    });
    expect(status).toBe(0);
    const { raw } = await receive(servers, account(servers, 'alice'), marker);
    expect(raw.includes('您好')).toBe(eightBit);
    expect((await pythonReads(raw)).parts[0]?.text?.trim()).toBe('您好，请查收附件。');
  });
});
