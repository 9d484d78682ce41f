import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { compose, type Draft } from '../../src/mime/compose.ts';
import { marked, subjectOf } from '../../src/mime/forward.ts';
import { replyFields } from '../../src/mime/reply.ts';
import { bytesSource } from '../../src/mime/source.ts';
import { collect } from '../feeds.ts';
import { fixed } from './drafts.ts';

const from = { name: '', address: 'a@example.org' };
const composed = (draft: Partial<Draft>) => compose({ from, to: [from], text: 'Hi', ...draft }, fixed());
const written = async (draft: Partial<Draft>) => (await collect(await composed(draft))).toString();
const source = (text: string) => bytesSource(Buffer.from(text));
const calendar = (...lines: readonly string[]) =>
  source(`${['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR'].join('\r\n')}\r\n`);

describe('a calendar', () => {
  it('is an alternative with its method, and a file', async () => {
    const text = await written({ calendar: calendar('METHOD:REQUEST', 'SUMMARY:Tea'), html: '<p>Tea' });
    expect([...text.matchAll(/^Content-Type: ([^;\r]+)/gm)].map(([, type]) => type)).toEqual([
      'multipart/mixed',
      'multipart/alternative',
      'text/plain',
      'text/html',
      'text/calendar',
      'application/ics',
    ]);
    expect(text).toContain(
      'Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n\r\n' +
        'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nSUMMARY:Tea\r\nEND:VCALENDAR\r\n',
    );
    expect(text).toContain('Content-Type: application/ics; method=REQUEST; name=invite.ics\r\n');
    expect(text).toContain('Content-Disposition: attachment; filename=invite.ics\r\n');
  });

  it.each([
    [['method;x=y:cancel'], 'method=CANCEL'],
    [['METH', ' OD:RE', '\tPLY'], 'method=REPLY'],
    [['METHOD:REQUEST', 'METHOD:request'], 'method=REQUEST'],
  ])('of %j has %s', async (lines, parameter) => {
    expect(await written({ calendar: calendar(...lines) })).toContain(`charset=utf-8; ${parameter}\r\n`);
  });

  it('of a program that knows no UTF-8 keeps its text', async () => {
    const text = 'BEGIN:VCALENDAR\r\nSUMMARY:Caf\xe9\r\nEND:VCALENDAR\r\n';
    for (const octets of [
      Buffer.from(text, 'latin1'),
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(`\ufeff${text}`, 'utf8'),
    ]) {
      expect(await written({ calendar: bytesSource(octets) })).toContain('\r\nSUMMARY:Caf=C3=A9\r\n');
    }
  });

  it('without a method is one all the same, in UTF-8 whatever the text is in', async () => {
    const text = await written({ calendar: calendar('SUMMARY:é'), charset: 'latin1', text: 'é' });
    expect(text).toContain('Content-Type: text/calendar; charset=utf-8\r\n');
    expect(text).toContain('SUMMARY:=C3=A9');
    expect(text).toContain('Content-Type: text/plain; charset=iso-8859-1\r\n');
  });

  it.each([
    ['', 'BEGIN:VCALENDAR'],
    ['hello', 'BEGIN:VCALENDAR'],
    ['BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n', 'END:VCALENDAR is missing'],
    ['BEGIN:VCALENDAR\nMETHOD:REQUEST\nMETHOD:REPLY\nEND:VCALENDAR\n', 'two methods'],
    ['BEGIN:VCALENDAR\nMETHOD:A;x="\nEND:VCALENDAR\n', 'names the method'],
    ['BEGIN:VCALENDAR\nMETHOD:\nEND:VCALENDAR\n', 'names the method'],
  ])('%j is none', async (text, why) => {
    await expect(written({ calendar: source(text) })).rejects.toThrow(why);
  });
});

const EIGHT_BIT = { eightBit: true, binary: false, utf8: false };
const GREETING = 'From: b@x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe/?= 1\r\nBcc: hidden@x\r\n\r\nGrüße\r\n';

describe('a message that goes with another', () => {
  it('is as it was for a server that takes 8-bit lines, and said to be 8bit all the way up', async () => {
    const message = (await composed({ forwarded: [source(GREETING)] })).prepared(EIGHT_BIT);
    const bytes = await collect(message);
    expect([message.eightBit, message.smtpUtf8, message.size]).toEqual([true, false, bytes.length]);
    const text = bytes.toString();
    expect(text).toMatch(
      /^Content-Type: multipart\/mixed; boundary="=_fixed2"\r\nContent-Transfer-Encoding: 8bit\r$/m,
    );
    expect(text).toContain(
      'Content-Type: message/rfc822; name="Gru_e_ 1.eml"\r\nContent-Transfer-Encoding: 8bit\r\n' +
        "Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe_%201.eml\r\n\r\n" +
        'From: b@x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe/?= 1\r\n\r\nGrüße\r\n\r\n--=_fixed2--\r\n',
    );
  });

  it('has its parts encoded anew for a server that does not, or where 7bit is asked for', async () => {
    const message = await composed({ forwarded: [source(GREETING)] });
    const narrow = await composed({ forwarded: [source(GREETING)], encoding: '7bit' });
    for (const form of [
      message,
      message.prepared({ ...EIGHT_BIT, eightBit: false }),
      narrow.prepared(EIGHT_BIT),
    ]) {
      const bytes = await collect(form);
      expect([form.eightBit, form.size]).toEqual([false, bytes.length]);
      const text = bytes.toString();
      expect(text).toContain('name="Gru_e_ 1.eml"\r\nContent-Transfer-Encoding: 7bit\r\n');
      expect(text).toMatch(/Gr=C3=BC=C3=9Fe|R3LDvMOfZQ/);
    }
  });

  it('that is signed is not changed, and needs such a server', async () => {
    const signed =
      'Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nGrüße\r\n--x\r\nContent-Type: a/b\r\n\r\nS\r\n--x--\r\n';
    const message = await composed({ forwarded: [source(signed)] });
    expect(message.prepared({ ...EIGHT_BIT, eightBit: false }).eightBit).toBe(true);
    expect((await collect(message)).toString()).toContain(signed);
  });

  it('is 7bit where it can be, and of several each is a part', async () => {
    const message = await composed({ forwarded: [source('A: b\n\nplain\n'), source('A: c\n\nalso\n')] });
    expect(message.eightBit).toBe(false);
    const text = (await collect(message)).toString();
    expect(
      text.match(/^Content-Type: message\/rfc822; name=message\.eml\r\nContent-Transfer-Encoding: 7bit\r$/gm),
    ).toHaveLength(2);
    expect(text).toContain('\r\n\r\nA: b\r\n\r\nplain\r\n\r\n--');
  });

  it('has no boundary of what it is in, not even where both came from the same hand', async () => {
    const inner = await written({ html: '<p>x', forwarded: [source('A: b\n\nx\n')] });
    const text = await written({ html: '<p>y', forwarded: [source(inner)] });
    const boundaries = [...text.matchAll(/boundary="(.*)"/g)].map(([, boundary]) => boundary);
    expect(boundaries).toEqual(['=_fixed4', '=_fixed2', '=_fixed3', '=_fixed2']);
  });

  it('gives its subject', async () => {
    expect(await subjectOf(source(GREETING))).toBe('Grüße/ 1');
    expect(await subjectOf(source('Subject: =?utf-8?q?a=0D=0ABcc:_x=00@y=1B[0m?=\r\n\r\n'))).toBe(
      'a Bcc: x @y [0m',
    );
    expect(await subjectOf(source('To: x\r\n\r\nSubject: no\r\n'))).toBe('');
  });

  it.each([
    ['Re', 'Hi', 'Re: Hi'],
    ['Re', 'Re: Hi', 'Re: Hi'],
    ['Re', 'RE: re[2]:Re : Hi', 'Re: Hi'],
    ['Re', 'Rest: Hi', 'Re: Rest: Hi'],
    ['Re', '', 'Re:'],
    ['Fwd', 'FW: Hi', 'Fwd: Hi'],
    ['Fwd', 'Re: Hi', 'Fwd: Re: Hi'],
  ] as const)('which with %s makes of %j %j', (mark, subject, result) => {
    expect(marked(mark, subject)).toBe(result);
  });
});

describe('an answer', () => {
  const fieldsOf = (header: string) => replyFields(source(`${header}\r\n\r\nbody`));

  it('goes to Reply-To, or else to From, and never to what a name holds', async () => {
    const both = await fieldsOf(
      'From: x@y\r\nReply-To: =?utf-8?q?J=C3=B6rg=0D=0ABcc=3A_a=40b?= <l@y>, m@y\r\nMessage-ID: <1@y>',
    );
    expect(both.to).toEqual([
      { name: 'Jörg Bcc: a@b', address: 'l@y' },
      { name: '', address: 'm@y' },
    ]);
    expect((await fieldsOf('From: "X, Y" <x@y>\r\nReply-To: ')).to).toEqual([
      { name: 'X, Y', address: 'x@y' },
    ]);
    const nobody = await fieldsOf('To: x@y');
    expect(() => nobody.to).toThrow(DataError);
    const wrong = await fieldsOf('From: <x>');
    expect(() => wrong.to).toThrow(DataError);
  });

  it.each([
    ['Message-ID: <1@x>', '<1@x>', ['<1@x>']],
    [
      'Message-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>\r\nIn-Reply-To: <9@x>',
      '<3@x>',
      ['<1@x>', '<2@x>', '<3@x>'],
    ],
    ['Message-ID: <2@x>\r\nIn-Reply-To: <1@x>', '<2@x>', ['<1@x>', '<2@x>']],
    ['Message-ID: <3@x>\r\nIn-Reply-To: <1@x> <2@x>', '<3@x>', ['<3@x>']],
    ['Message-ID: <2@x>\r\nReferences: <2@x> <1@x> <1@x>', '<2@x>', ['<1@x>', '<2@x>']],
    ['References: <1@x>', undefined, ['<1@x>']],
    ['Message-ID: nonsense\r\nReferences: words <no at> <1@x>(c)<2@x', undefined, ['<1@x>']],
    ['Subject: x', undefined, []],
  ])('to %j has its thread', async (header, inReplyTo, references) => {
    expect(await fieldsOf(header)).toMatchObject({ inReplyTo, references });
  });

  it('names of a long thread the first message and the last ones', async () => {
    const ids = Array.from({ length: 50 }, (_, at) => `<${at}@x>`);
    const { references } = await fieldsOf(`Message-ID: <50@x>\r\nReferences: ${ids.join('\r\n ')}`);
    expect(references).toHaveLength(20);
    expect(references.slice(0, 2)).toEqual(['<0@x>', '<32@x>']);
    expect(references.at(-1)).toBe('<50@x>');
  });
});

describe.skipIf(spawnSync('python3', ['--version']).status !== 0)('Python', () => {
  it('finds the calendar and the message as they were', async () => {
    const inner = await written({ text: 'inner é', subject: 'Inner', attachments: [] });
    const bytes = await collect(
      await composed({
        forwarded: [source(inner), source(GREETING)],
        calendar: calendar('METHOD:REQUEST', 'SUMMARY:é'),
      }),
    );
    const script = `
import email, email.policy, json, sys
message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = []
for part in message.walk():
    assert not part.defects, part.defects
    what = [part.get_content_type(), part.get_param('method')]
    if part.get_content_maintype() == 'text': what.append(part.get_content().replace('\\r\\n', '\\n').strip())
    parts.append(what)
print(json.dumps(parts))`;
    const run = spawnSync('python3', ['-c', script], { input: bytes, encoding: 'utf8' });
    expect(JSON.parse(run.stdout || run.stderr)).toEqual([
      ['multipart/mixed', null],
      ['multipart/alternative', null],
      ['text/plain', null, 'Hi'],
      ['text/calendar', 'REQUEST', 'BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nSUMMARY:é\nEND:VCALENDAR'],
      ['application/ics', 'REQUEST'],
      ['message/rfc822', null],
      ['text/plain', null, 'inner é'],
      ['message/rfc822', null],
      ['text/plain', null, 'Gr\ufffd\ufffd\ufffd\ufffde'],
    ]);
  });
});
