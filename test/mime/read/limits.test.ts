import { describe, expect, it } from 'vitest';
import type { Budget } from '../../../src/mime/read/entity.ts';
import { READ_LIMITS } from '../../../src/mime/read/index.ts';
import { readEntities } from '../../../src/mime/read/walk.ts';
import { Warnings } from '../../../src/mime/read/warnings.ts';
import { html, lines, multipart, numbers, plain, read } from './parts.ts';

/** So many multiparts, one in the other. */
const levels = (count: number): string =>
  `${Array.from({ length: count }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n`).join('')}\r\nx`;
const messages = (count: number): string => `${'Content-Type: message/rfc822\r\n\r\n'.repeat(count)}\r\nx`;
const partsOf = (count: number): string =>
  multipart('mixed', 'b', ...Array.from({ length: count }, () => '\r\nx'));

describe('beyond a limit', () => {
  it.each([
    [99, 'text/plain', 0],
    [100, 'text/plain', 0],
    [101, 'multipart/mixed', 1],
  ])('%i levels end in %s', async (count, type, warnings) => {
    const found = await read(levels(count));
    expect(found.parts.map((part) => part.type)).toEqual([type]);
    expect(found.warnings.filter((warning) => warning.includes('deeper than 100')).length).toBe(warnings);
  });

  it.each([
    [9_999, 9_999, 0],
    [10_000, 10_000, 0],
    [10_001, 10_001, 1],
    [12_000, 10_001, 1],
  ])('%i parts are %i', async (count, parts, warnings) => {
    const found = await read(partsOf(count));
    expect(found.parts).toHaveLength(parts);
    expect(found.warnings.filter((warning) => warning.includes('more than 10000 parts')).length).toBe(
      warnings,
    );
    const last = found.parts.at(-1);
    expect(last?.type).toBe(warnings === 0 ? 'text/plain' : 'application/octet-stream');
    if (count === 12_000) expect(last?.size).toBeGreaterThan(1_999 * 8);
  });

  it.each([
    [9, 9, 0],
    [10, 10, 0],
    [11, 11, 1],
  ])('%i messages, one in the other, are %i', async (count, parts, warnings) => {
    const found = await read(messages(count));
    expect(found.parts.filter(({ type }) => type === 'message/rfc822')).toHaveLength(parts);
    expect(found.warnings.filter((warning) => warning.includes('nest too deep')).length).toBe(warnings);
  });

  it.each([
    [15, 'ä text bend', 0],
    [14, 'ä text ben', 1],
    [11, 'ä text', 1],
    [3, 'ä ', 1],
    [1, '', 1],
  ])('of the texts %i octets are read, and no character is cut', async (limit, text, warnings) => {
    const message = multipart('mixed', 'b', plain('ä '), html('<b>text b'), plain('end'));
    const found = await read(message, { text: limit });
    expect(found.text.replace(/\n+/g, '')).toBe(text);
    expect(found.warnings.filter((warning) => warning.includes('left out')).length).toBe(warnings);
    expect(found.parts.map(({ size }) => size)).toEqual([3, 9, 3]);
  });

  it.each([
    [1_048_576, 0],
    [1_048_577, 1],
  ])('of a header of %i octets the rest is left out', async (size, warnings) => {
    const filler = `X: ${'y'.repeat(995)}\r\n`;
    const head = filler.repeat(Math.floor(size / filler.length));
    const found = await read(`${head}Z: ${'z'.repeat(size - head.length - 5)}\r\n\r\nx`);
    expect(found.warnings.length).toBe(warnings);
    expect(found.text).toBe('x');
  });

  it.each([
    [10_000, 0],
    [10_001, 1],
  ])('of %i fields the rest is left out', async (count, warnings) => {
    const found = await read(`${'X: y\r\n'.repeat(count)}\r\nx`);
    expect(found.headers).toHaveLength(10_000);
    expect(found.warnings.length).toBe(warnings);
  });

  it.each([
    [262_144, 0],
    [262_145, 1],
  ])('of a field of %i octets the rest is left out', async (size, warnings) => {
    const found = await read(`Subject:${'x'.repeat(size)}\r\n\r\nx`);
    expect(found.subject).toHaveLength(262_144);
    expect(found.warnings.length).toBe(warnings);
  });

  it.each([
    [1_000, 0],
    [1_001, 1],
  ])('of %i encoded words the rest is not decoded', async (count, warnings) => {
    const found = await read(`Subject: ${'=?utf-8?q?x?= '.repeat(count)}\r\n\r\nx`);
    expect(found.subject).toMatch(/^x{1000}/);
    expect(found.warnings.length).toBe(warnings);
  });

  it.each([
    [20, 'Subject: x\r\n\r\nabcdef', 0],
    [19, 'Subject: x\r\n\r\nabcde', 1],
  ])('of %i octets the rest is not read', async (octets, read20, warnings) => {
    const found = await read('Subject: x\r\n\r\nabcdef', { octets });
    expect(found.text).toBe(read20.slice(14));
    expect(found.warnings.length).toBe(warnings);
  });

  it('each limit can be set', async () => {
    const inner = `Content-Type: message/rfc822\r\n\r\n${multipart('mixed', 'i', plain('x'))}`;
    const message = multipart('mixed', 'b', plain('x'), inner, plain('y'));
    expect(numbers(await read(message, { messages: 0 }))).toEqual([
      '1 text/plain',
      '2 message/rfc822',
      '3 text/plain',
    ]);
    expect(numbers(await read(message, { depth: 1 }))).toEqual([
      '1 text/plain',
      '2 message/rfc822',
      '3 text/plain',
    ]);
    expect(numbers(await read(message, { parts: 1 }))).toEqual([
      '1 text/plain',
      '2 application/octet-stream',
    ]);
    expect(numbers(await read(message, { depth: 0 }))).toEqual(['1 multipart/mixed']);
  });
});

/** What reading it costs, in lines and levels that are looked at. */
function steps(message: string): number {
  const budget: Budget = {
    limits: READ_LIMITS,
    warnings: new Warnings(),
    parts: READ_LIMITS.parts,
    steps: 0,
  };
  readEntities(Buffer.from(message, 'latin1'), budget);
  return budget.steps;
}

describe('twice the message is twice the work', () => {
  const makers: Readonly<Record<string, (count: number) => string>> = {
    levels,
    messages,
    parts: partsOf,
    'repeated boundaries': (count) =>
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(count)}`,
    'boundaries of many levels': (count) => `${levels(90)}\r\n${'--b89\r\n\r\n'.repeat(count)}`,
    'boundaries of the outer level': (count) =>
      `${levels(90)}\r\n${'--b0\r\nContent-Type: multipart/x; boundary=c\r\n\r\n--c\r\n'.repeat(count)}`,
    'lines that are nearly boundaries': (count) => `${levels(90)}\r\n${'--b0x\r\n'.repeat(count)}`,
    fields: (count) => `${'X: y\r\n'.repeat(count)}\r\n`,
    'lines of a field': (count) => `X: y\r\n${' y\r\n'.repeat(count)}\r\n`,
    'messages that are encoded': (count) =>
      multipart(
        'mixed',
        'b',
        ...Array.from(
          { length: count },
          () =>
            'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeAoKeA==',
        ),
      ),
  };
  it.each(Object.entries(makers))('%s', (_, make) => {
    const once = steps(make(2_000));
    expect(once).toBeGreaterThan(100);
    expect(steps(make(4_000))).toBeLessThanOrEqual(once * 2 + 100);
  });
});

it('nothing is warned of twice, and there is an end to it', async () => {
  const found = await read(
    multipart(
      'mixed',
      'b',
      ...Array.from({ length: 500 }, (_, at) =>
        lines(`Content-Type: text/plain; charset=x-${at}`, '', '\xff').toString('latin1'),
      ),
    ),
  );
  expect(found.warnings.length).toBe(100);
});
