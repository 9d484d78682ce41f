import { describe, expect, test } from 'vitest';
import { stuff } from '../../src/codec/dots.ts';
import { bytesSource, compose, parseAddressList, rawMessage } from '../../src/mime/index.ts';
import { dialogue } from '../dialogue.ts';
import { chunks, collect, streamOf } from '../feeds.ts';
import { BYE, draft, failureOf, letter, onTheWire, opening, sendTo, TRANSACTION, unfolded } from './traps.ts';

/** The dialogue in which these are the lines of the text. */
const carrying = (lines: readonly string[]) =>
  `${opening()}${TRANSACTION}\n${lines.map((line) => `C: ${line}`).join('\n')}\nC: .\nS: 250 ok${BYE}`;

describe('trap 1: dots at the start of a line are doubled, whatever the chunks', () => {
  test.each([
    ['.\r\n..\r\na.b\r\n.c', ['..', '...', 'a.b', '..c']],
    ['no line end', ['no line end']],
    ['CR at the end\r', ['CR at the end']],
    ['LF at the end\n', ['LF at the end']],
    ['no blank line more\r\n', ['no blank line more']],
    ['.', ['..']],
    ['', []],
  ])('%j', async (text, lines) => {
    for (const size of [1, 2, 1000])
      await dialogue(carrying(lines), {}, (port) => sendTo(port, streamOf(chunks(text, size))));
  });

  test('cut at any octet it is the same', async () => {
    const text = '.\r\n.\n.\r.a\r\n\r\n..\r\r\n.';
    const whole = (await collect(stuff(streamOf([text])))).toString();
    expect(whole).toBe('..\r\n..\r\n..\r\n..a\r\n\r\n...\r\n..\r\n.\r\n');
    for (let cut = 0; cut <= text.length; cut++) {
      const pieces = [text.slice(0, cut), text.slice(cut)];
      expect((await collect(stuff(streamOf(pieces)))).toString(), `cut at ${cut}`).toBe(whole);
    }
  });
});

describe('trap 2: CRLF alone ends a line, so no text ends the message', () => {
  test.each(['\n', '\r', '\r\n', '\r\r\n'])('%j around a dot', async (end) => {
    const text = `a${end}.${end}MAIL FROM:<x@y>${end}`;
    for (const size of [1, 3, 1000])
      await dialogue(carrying(['a', '..', 'MAIL FROM:<x@y>']), {}, (port) =>
        sendTo(port, streamOf(chunks(text, size))),
      );
  });

  test('by BDAT, too', async () => {
    await dialogue(
      `${opening('CHUNKING')}
      C! 2
      S: 250 ok
      S: 250 ok
      C: BDAT 9 LAST
      C: a
      C: .
      C: b
      S: 250 ok
      ${BYE}`,
      {},
      (port) => sendTo(port, letter('a\n.\rb'), { chunking: true }),
    );
  });
});

describe('trap 3: no line of more than 998 octets', () => {
  test('60 recipients, long words and long references are folded or encoded', async () => {
    const people = Array.from({ length: 60 }, (_, n) => ({
      name: `Name ${n}`,
      address: `r${n}@example.org`,
    }));
    const message = await compose(
      draft({
        to: people,
        subject: 'x'.repeat(2000),
        text: `${'y'.repeat(3000)}\nhttps://example.org/${'z'.repeat(1500)}\n`,
        references: Array.from({ length: 40 }, (_, n) => `<${n}.${'r'.repeat(40)}@example.org>`),
      }),
    );
    const { text } = await onTheWire(message);
    expect(Math.max(...text.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(998);
    const addresses = parseAddressList(/^To: (.*)$/m.exec(unfolded(text))?.[1] ?? '');
    expect(addresses.map(({ address }) => address)).toEqual(people.map(({ address }) => address));
  });

  test.each([998, 999])('a finished message with a line of %d octets', async (octets) => {
    const line = `${'ü'.repeat(400)}${'x'.repeat(octets - 800)}`;
    const message = await rawMessage(bytesSource(Buffer.from(`Subject: x\n\n${line}\n`)));
    const { text } = await onTheWire(message);
    for (const each of text) expect(each.length).toBeLessThanOrEqual(998); // octets
    if (octets === 998) expect(text.slice(2)).toEqual([Buffer.from(line).toString('latin1')]);
    else expect(text.slice(0, 3).join('\n')).toMatch(/^Content-Transfer-Encoding: /m);
  });
});

describe('trap 11: 8-bit data', () => {
  const message = (eightBit: boolean) => Object.assign(letter(), { eightBit });
  const script = (keyword: string) =>
    `S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250-PIPELINING\nS: 250 ${keyword}`;

  test('BODY=8BITMIME is said of a message that has them, and of no other', async () => {
    const said = (body: string) =>
      `${script('8BITMIME')}${TRANSACTION.replace('org>\n', `org>${body}\n`)}\nC! 4\nS: 250 ok${BYE}`;
    await dialogue(said(' BODY=8BITMIME'), {}, (port) => sendTo(port, message(true)));
    await dialogue(said(''), {}, (port) => sendTo(port, message(false)));
  });

  test('a server without 8BITMIME never sees them', async () => {
    const error = await dialogue(`${script('SIZE')}${BYE}`, {}, (port) =>
      failureOf(sendTo(port, message(true))),
    );
    expect(error).toMatchObject({ code: 'EUNSUPPORTED', keyword: '8BITMIME' });
  });

  test.each([
    ['that is readable so, is 7-bit and asks for nothing', 'Grüße, und sonst nichts.\n', false],
    ['that would be base64 goes as 8bit where that is offered, and says so', '您好，请查收附件。\n', true],
  ])('a text of ours %s', async (_, body, eightBit) => {
    const message = await compose(draft({ subject: 'Grüße', text: body }));
    const { text, commands } = await onTheWire(message);
    expect(/[^\0-\x7f]/.test(text.join(''))).toBe(eightBit);
    expect(commands.some((line) => line.endsWith(' BODY=8BITMIME'))).toBe(eightBit);
  });
});
