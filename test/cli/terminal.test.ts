import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toTerminal, toTerminalLine, wantsColor } from '../../src/cli/terminal.ts';

describe('toTerminal', () => {
  it.each([
    ['an escape sequence', '\u001b[31mred', '^[[31mred'],
    ['a title', '\u001b]0;x\u0007', '^[]0;x^G'],
    ['a carriage return that would hide text', 'paid\rdue ', 'paid^Mdue '],
    ['a backspace', 'a\bb', 'a^Hb'],
    ['NUL', 'a\0b', 'a^@b'],
    ['DEL', 'a\u007fb', 'a^?b'],
    ['C1', '\u009b31m', '<U+009B>31m'],
    ['a bidirectional override', 'invoice\u202egpj.exe', 'invoice<U+202E>gpj.exe'],
    ['an isolate', '\u2066x\u2069', '<U+2066>x<U+2069>'],
    ['half a surrogate pair', 'a\ud83db', 'a<U+D83D>b'],
    ['the other half', 'a\ude00b', 'a<U+DE00>b'],
    ['an invisible tag', 'a\u{e0041}b', 'a<U+E0041>b'],
    ['a line separator', 'a\u2028b', 'a<U+2028>b'],
  ])('shows %s', (_, text, shown) => {
    expect(toTerminal(text)).toBe(shown);
  });

  it('leaves text alone, with its lines and tabs', () => {
    const text = 'Grüße, 你好 😀 👩‍👩‍👧\n\tשלום العربية';
    expect(toTerminal(text)).toBe(text);
    expect(toTerminal('a\r\nb\r\n')).toBe('a\nb\n');
  });

  it('never lets a control through', () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(fc.string({ unit }), (text) => {
        const shown = toTerminal(text);
        expect(shown).not.toMatch(/[\0-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(() => encodeURIComponent(shown)).not.toThrow();
        expect(toTerminal(shown)).toBe(shown);
      }),
    );
  });
});

describe('toTerminalLine', () => {
  it('keeps a value on its line', () => {
    expect(toTerminalLine('a\r\nb\tc\n')).toBe('a^M^Jb^Ic^J');
  });
});

describe('wantsColor', () => {
  it.each([
    ['a terminal', 'auto', {}, true, true],
    ['a pipe', 'auto', {}, false, false],
    ['a dumb terminal', 'auto', { TERM: 'dumb' }, true, false],
    ['NO_COLOR', 'auto', { NO_COLOR: '1' }, true, false],
    ['an empty NO_COLOR', 'auto', { NO_COLOR: '' }, true, true],
    ['FORCE_COLOR in a pipe', 'auto', { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0', 'auto', { FORCE_COLOR: '0' }, true, false],
    ['FORCE_COLOR on a dumb terminal', 'auto', { FORCE_COLOR: '3', TERM: 'dumb' }, true, true],
    ['CLICOLOR_FORCE in a pipe', 'auto', { CLICOLOR_FORCE: '1' }, false, true],
    ['CLICOLOR_FORCE=0 in a pipe', 'auto', { CLICOLOR_FORCE: '0' }, false, false],
    ['NO_COLOR before FORCE_COLOR', 'auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['the flag before NO_COLOR', 'always', { NO_COLOR: '1' }, false, true],
    ['the flag before FORCE_COLOR', 'never', { FORCE_COLOR: '1' }, true, false],
    ['CI in a pipe', 'auto', { CI: 'true' }, false, false],
  ] as const)('%s', (_, wish, env, isTTY, colored) => {
    expect(wantsColor(wish, env, isTTY)).toBe(colored);
  });
});
