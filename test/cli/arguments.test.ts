import { describe, expect, it } from 'vitest';
import { colorFlag, hasFlag, splitArguments } from '../../src/cli/arguments.ts';

describe('splitArguments', () => {
  it.each([
    ['send -t a', 'send', '-t a'],
    ['--json send -t a', 'send', '--json -t a'],
    ['-q -vv send', 'send', '-q -vv'],
    ['--color never send', 'send', '--color never'],
    ['--color=never send', 'send', '--color=never'],
    ['--env-file send list', 'list', '--env-file send'],
    ['--smtp-host send list', 'list', '--smtp-host send'],
    ['--smtp-host=x list', 'list', '--smtp-host=x'],
    ['-f send list', 'list', '-f send'],
    ['--allow-cleartext-auth list', 'list', '--allow-cleartext-auth'],
    ['sandbox -- sh -c x', 'sandbox', '-- sh -c x'],
    ['-h send', 'send', '-h'],
  ])('%s', (line, name, rest) => {
    expect(splitArguments(line.split(' '))).toEqual({ name, rest: rest.split(' ') });
  });

  it.each(['', '--json', '-- send', '--color'])('finds no command in "%s"', (line) => {
    const argv = line.split(' ').filter((word) => word !== '');
    expect(splitArguments(argv)).toEqual({ name: undefined, rest: argv });
  });
});

it('hasFlag looks no further than --', () => {
  expect(hasFlag(['sandbox', '--json', '--', 'x'], '--json')).toBe(true);
  expect(hasFlag(['sandbox', '--', 'x', '--json'], '--json')).toBe(false);
});

it.each([
  [['--color', 'never'], 'never'],
  [['--color=always'], 'always'],
  [['--color'], 'auto'],
  [['--color', 'purple'], 'auto'],
  [[], 'auto'],
])('colorFlag(%j)', (argv, wish) => {
  expect(colorFlag(argv)).toBe(wish);
});
