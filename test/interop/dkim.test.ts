import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose, rawMessage, signed } from '../../src/mime/index.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect } from '../feeds.ts';
import { cases } from '../mime/drafts.ts';
import { json, mailtool, smtpLogin, smtpOpen, workspace } from './command.ts';
import { dkimpyVerifies, hasDkimpy, keyRecord } from './dkimpy.ts';
import { receive } from './maildrop.ts';
import { account, describeInterop } from './servers.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const recordsOf = (domain: string) => ({
  [`r1._domainkey.${domain}`]: keyRecord(rsa),
  [`e1._domainkey.${domain}`]: keyRecord(ed25519),
});
const signers = [
  { selector: 'r1', key: rsa },
  { selector: 'e1', key: ed25519 },
];

const missing = !hasDkimpy();

describe.skipIf(missing)(`dkimpy verifies${missing ? ' (skipped: it is not installed)' : ''}`, () => {
  const records = recordsOf('example.org');
  const from = { name: 'Ann Example, Sales', address: 'ann@example.org' };

  it('any draft', async () => {
    for (const { draft } of fc.sample(cases, 25)) {
      const made = await collect(await signed(await compose({ ...draft, from }), signers));
      expect(await dkimpyVerifies(made, 2, records), made.toString()).toEqual([true, true]);
    }
  });

  it.each([
    ['without a body', 'From: a@example.org\n\n'],
    ['of blank lines', 'From: a@example.org\n\n\n \n\t\n\n'],
    [
      'of blanks of all kinds',
      'From:  a@example.org \t\nSubject: x\n \t y \nTo:\n b@c\n\n a \t b \n\t\n c\n\n\n',
    ],
    ['of octets without a charset', 'From: a@example.org\nSubject: \xe9\xff\n\n\xe9 \xff\xa0 \n'],
    ['with several fields of one name', 'To: a@b\nFrom: a@example.org\nTo: c@d\nto: e@f\n\nx\n'],
    ['with a long list of recipients', `From: a@example.org\nTo: ${'a@example.org,\n '.repeat(500)}b@c\n\nx`],
  ])('a raw message %s', async (_, text) => {
    const raw = await rawMessage(bytesSource(Buffer.from(text, 'latin1')));
    const made = await collect(await signed(raw, signers));
    expect(await dkimpyVerifies(made, 2, records), made.toString('latin1')).toEqual([true, true]);
  });

  it('nothing that was changed', async () => {
    const made = await collect(
      await signed(await compose({ from, to: [], subject: 'Hi', text: 'x\n' }), signers),
    );
    const text = made.toString('latin1');
    for (const [what, by] of [
      ['Subject: Hi', 'Subject: Ho'],
      ['\r\n\r\nx', '\r\n\r\ny'],
      ['From: ', 'From: x@y.example\r\nFrom: '],
    ] as const) {
      const changed = Buffer.from(text.replace(what, by), 'latin1');
      expect(await dkimpyVerifies(changed, 2, records)).not.toContain(true);
    }
  });
});

describeInterop('signed messages through Postfix and Dovecot', (servers) => {
  const files = workspace();
  afterAll(() => files.remove());
  const kim = account(servers, 'kim');
  const key = join(files.path, 'dkim.pem');
  const blob = join(files.path, 'blob.bin');
  beforeAll(() => {
    const pem = [rsa, ed25519].map((each) => each.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(key, pem.join(''), { mode: 0o600 });
    writeFileSync(blob, randomBytes(700_000));
  });
  const dkim = ['--dkim-key', key, '--dkim-selector', 'r1,e1'];

  const text = 'Grüße\n.\n..dots \n\n\t\nend\n\n\n';
  const composed = ['-t', kim.address, '-s', '季度报告', '-A', blob, '-H', 'X-Marker: MARKER'];
  const raw = `From: me@${servers.domain}\nTo: ${kim.address}\nBcc: ${kim.address}\nX-Marker: MARKER\nSubject:  x \n\n${text}`;
  const eightBit = raw.replace('Subject', 'MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nSubject');
  const sevenBit = smtpOpen(servers, servers.smtp.sevenBit);
  const sender = account(servers, 'bob');
  const login = smtpLogin(servers, { user: sender, port: servers.smtp.starttls, tls: 'starttls' });

  it.each([
    ['composed', composed, text, login],
    ['composed, in chunks', [...composed, '--chunking'], text, login],
    ['composed, for a server without extensions', composed, text, smtpOpen(servers, servers.smtp.bare)],
    ['raw', ['--raw', '-'], raw, login],
    ['raw, and encoded anew for a server that takes 7-bit lines', ['--raw', '-'], eightBit, sevenBit],
    ['raw, in chunks', ['--raw', '-', '--chunking'], raw, login],
  ])('hold when %s', async (_, args, stdin, env) => {
    const marker = randomUUID();
    const marked = (given: string) => given.replace('MARKER', marker);
    const sent = await mailtool(['send', ...args.map(marked), ...dkim, '--json'], {
      env,
      stdin: marked(stdin),
    });
    expect(json(sent)).toMatchObject({ ok: true, warnings: [] });
    const { raw: bytes } = await receive(servers, kim, marker);
    const records = recordsOf(servers.domain);
    expect(await dkimpyVerifies(bytes, 2, records), bytes.toString('latin1', 0, 3_000)).toEqual([true, true]);
  });
});
