import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSelection, type Row, select } from '../../src/cli/selection.ts';
import { InputError, UsageError } from '../../src/errors.ts';

/** A server with a gap at 3, in no order. */
const ROWS: readonly Row[] = [
  { number: 5, size: 50, uid: 'abx' },
  { number: 1, size: 10, uid: 'abc' },
  { number: 2, size: 20, uid: 'abcd' },
  { number: 4, size: 40, uid: undefined },
];

const chosen = (words: readonly string[], rows = ROWS, whole = false) =>
  select(parseSelection(words), rows, { whole }).map(({ number }) => number);

describe('words', () => {
  test.each<[string[], number[]]>([
    [['2'], [2]],
    [
      ['5', '1'],
      [5, 1],
    ],
    [
      ['2', '2', '1-2'],
      [2, 1],
    ],
    [['2-5'], [2, 4, 5]],
    [['4-4'], [4]],
    [['2-'], [2, 4, 5]],
    [['first'], [1]],
    [['first:2'], [1, 2]],
    [['last'], [5]],
    [['last:2'], [4, 5]],
    [['last:99'], [1, 2, 4, 5]],
    [['all'], [1, 2, 4, 5]],
    [['uid:abc'], [1]],
    [['uid:abcd'], [2]],
    [['uid:abx'], [5]],
    [
      ['uid:abc', 'last'],
      [1, 5],
    ],
  ])('%j', (words, numbers) => {
    expect(chosen(words)).toEqual(numbers);
  });

  test.each([
    '',
    '0',
    '-3',
    '5-2',
    '0-3',
    'first:0',
    'last:x',
    'uid:',
    'UID:x',
    '1,2',
    '1 2',
    'one',
    '99999999999',
    '1--2',
  ])('%j names nothing', (word) => {
    expect(() => parseSelection([word])).toThrow(UsageError);
  });

  test('whatever is given, it is a selection, a UsageError or an InputError', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.stringMatching(/^(first|last|uid)?:?\d{0,10}-?\d{0,3}$/))),
        (words) => {
          try {
            for (const number of chosen(words)) expect([1, 2, 4, 5]).toContain(number);
          } catch (error) {
            expect(error instanceof UsageError || error instanceof InputError).toBe(true);
          }
        },
      ),
    );
  });
});

describe('what is not there', () => {
  test.each(['3', '6', '1-3', '3-5', '1-9', '6-', 'uid:xyz'])('%s: nothing is selected', (word) => {
    expect(() => chosen([word])).toThrow(InputError);
    expect(() => chosen(['1', word])).toThrow(InputError);
  });

  test('in an empty maildrop', () => {
    for (const word of ['1', '1-', 'last', 'first', 'uid:a'])
      expect(() => chosen([word], [])).toThrow(InputError);
    for (const word of ['all', 'last:5', 'first:5']) expect(chosen([word], [])).toEqual([]);
  });

  test('the hint says what is', () => {
    expect(() => chosen(['9'])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('messages 1 to 5') }),
    );
  });
});

describe('unique-ids', () => {
  test('a beginning that several have names none', () => {
    expect(() => chosen(['uid:ab'])).toThrow(/3 unique-ids begin with ab: those of 1, 2, 5/);
  });

  test('one that two messages share names none', () => {
    const twins = [...ROWS, { number: 6, size: 1, uid: 'abc' }];
    expect(() => chosen(['uid:abc'], twins)).toThrow(/2 messages have the unique-id abc: 1, 6/);
  });

  test('what is to be deleted has to be named in full', () => {
    expect(chosen(['uid:abx'], ROWS, true)).toEqual([5]);
    expect(() => chosen(['uid:abx'.slice(0, -1)], ROWS, true)).toThrow(InputError);
    const one = [{ number: 1, size: 1, uid: 'abcdef' }];
    expect(chosen(['uid:abc'], one)).toEqual([1]);
    expect(() => chosen(['uid:abc'], one, true)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('uid:abcdef') }),
    );
  });

  test('__proto__ is one like any other', () => {
    expect(chosen(['uid:__proto__'], [{ number: 1, size: 1, uid: '__proto__' }])).toEqual([1]);
    expect(() => chosen(['uid:__proto__'])).toThrow(InputError);
  });
});

test('only numbers and unique-ids name each message by itself', () => {
  expect(parseSelection(['1', 'uid:x'])).toMatchObject({ exact: true, byUid: true });
  for (const word of ['all', 'last', 'last:2', 'first', '1-2', '3-']) {
    expect(parseSelection(['1', word])).toMatchObject({ exact: false, byUid: false });
  }
});
