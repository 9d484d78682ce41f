import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkValue } from '../../src/config/check.ts';
import { parseDomain, parseSelectors } from '../../src/config/dkim.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import {
  BadValue,
  parseDuration,
  parseFingerprint,
  parseHost,
  parseMechanism,
  parsePort,
  parseSecret,
  parseServerUrl,
  parseSwitch,
  parseText,
  parseToken,
  quote,
} from '../../src/config/values.ts';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['30', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['24d', 2_073_600_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '0', '0s', '-1', '1.5h', '5 m', '5M', '5ms', '1h30m', '25d', '99999999999', 'NaN', '٣s'])(
    'refuses %j',
    (text) => expect(() => parseDuration(text)).toThrow(BadValue),
  );
});

describe('DKIM selectors', () => {
  it.each([
    ['s1', ['s1']],
    ['2026-a.mail', ['2026-a.mail']],
    ['rsa_1,ed1', ['rsa_1', 'ed1']],
  ])('%s', (text, names) => expect(parseSelectors(text)).toEqual(names));

  it.each(['', ',', 'a,', 'a b', 'a, b', '-a', 'a-', 'a..b', '.a', 'a;', 'ü', 'a\n', 'a'.repeat(64)])(
    'refuses %j',
    (text) => expect(() => parseSelectors(text)).toThrow(BadValue),
  );
});

describe('domains', () => {
  it.each(['example.org', 'a.b-c.example', 'EXAMPLE.org', 'bücher.example', '例子。中国'])('%s', (text) =>
    expect(parseDomain(text)).toBe(text),
  );

  it.each([
    ...[
      '',
      'localhost',
      'example.org.',
      'a@example.org',
      'example.org:25',
      '.org',
      'a..b',
      'a b.org',
      '%61.org',
    ],
    ...['[192.0.2.1]', 'example.org\r\n', `${'a.'.repeat(126)}abc`],
  ])('refuses %j', (text) => expect(() => parseDomain(text)).toThrow(BadValue));
});

describe('ports', () => {
  it.each([
    ['1', 1],
    ['587', 587],
    ['65535', 65_535],
  ])('%s', (text, port) => expect(parsePort(text)).toBe(port));
  it.each(['0', '65536', '-1', '', ' 25', '25 ', '0x19', '1e3', '2.5', '999999'])('refuses %j', (text) =>
    expect(() => parsePort(text)).toThrow(/is not a port/),
  );
});

describe('hosts', () => {
  it.each([
    ['mail.example.org', { host: 'mail.example.org' }],
    ['mail.example.org:2525', { host: 'mail.example.org', port: 2525 }],
    ['localhost', { host: 'localhost' }],
    ['192.0.2.1:25', { host: '192.0.2.1', port: 25 }],
    ['::1', { host: '::1' }],
    ['[::1]', { host: '::1' }],
    ['[2001:db8::1]:587', { host: '2001:db8::1', port: 587 }],
    ['fe80::1%eth0', { host: 'fe80::1%eth0' }],
    ['::ffff:192.0.2.1', { host: '::ffff:192.0.2.1' }],
    ['bücher.example', { host: 'bücher.example' }],
    ['mail_1.internal.', { host: 'mail_1.internal.' }],
    ['/run/dovecot/lmtp', { host: '/run/dovecot/lmtp' }],
    ['unix:/run/lmtp:24', { host: '/run/lmtp:24' }],
    [`/${'x'.repeat(102)}`, { host: `/${'x'.repeat(102)}` }],
  ])('%s', (text, expected) => expect(parseHost(text)).toEqual(expected));

  it.each([
    ...['', ' ', 'a b', ' a', 'a ', 'a\r\nb', 'a\n', 'a\0', 'a\tb', 'a\u00a0b', 'a\u202eb', 'a\u001b[31m'],
    ...[
      '-oX',
      'a-',
      '.a',
      'a/b',
      'a@b',
      'a?b',
      'a#b',
      '"a"',
      'a,b',
      'a%0d',
      'smtps://a',
      'a:',
      'a:0',
      'a:b',
      ':25',
    ],
    ...['[::1', '::1]', '[]', '[a]', '[::1]x', '[::1]:', '[::1]:0', '[::1]:1:2', '1:2:x', '::1%', '::1%a b'],
    ...[
      '/',
      'unix:',
      'unix:/',
      'unix:run/lmtp',
      'UNIX:/a',
      '/a b',
      '/a\n',
      '/a\0',
      '/a\u202eb',
      `/${'x'.repeat(103)}`,
    ],
    'a'.repeat(256),
  ])('refuses %j', (text) => expect(() => parseHost(text)).toThrow(BadValue));

  it('gives nothing that could end a line or a word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        try {
          expect(parseHost(text).host).toMatch(/^(?:\/[^\s\p{C}]+|[^\s\p{C}/@"<>[\]]+)$/u);
        } catch (error) {
          expect(error).toBeInstanceOf(BadValue);
        }
      }),
    );
  });
});

describe('server URLs', () => {
  it.each([
    ['smtps://me@mail.example.org:465', { host: 'mail.example.org', port: 465, tls: 'implicit', user: 'me' }],
    ['smtps://mail.example.org', { host: 'mail.example.org', tls: 'implicit' }],
    ['SMTPS://mail.example.org/', { host: 'mail.example.org', tls: 'implicit' }],
    ['smtp://mail.example.org:587', { host: 'mail.example.org', port: 587 }],
    ['smtp://me%40example.org@h', { host: 'h', user: 'me@example.org' }],
    ['smtp://me@example.org@h', { host: 'h', user: 'me@example.org' }],
    ['smtp://a%2Fb%25:@h', { host: 'h', user: 'a/b%' }],
    ['smtp://[::1]:2525', { host: '::1', port: 2525 }],
    ['smtp://b%C3%BCcher.example', { host: 'bücher.example' }],
  ])('%s', (text, expected) => expect(parseServerUrl('smtp', text)).toEqual(expected));

  it('knows pop3 as well, and not the one for the other', () => {
    expect(parseServerUrl('pop3', 'pop3s://u@h')).toEqual({ host: 'h', tls: 'implicit', user: 'u' });
    expect(() => parseServerUrl('pop3', 'smtps://u@h')).toThrow('not a URL of POP3: write pop3s://');
    expect(() => parseServerUrl('smtp', 'https://u@h')).toThrow(BadValue);
  });

  it.each([
    ...[
      '',
      'smtp',
      'smtp:',
      'smtp:h',
      'smtp:/h',
      'smtp://',
      'smtp:///',
      'smtp:///h',
      'smtp://u@',
      'mail.example.org',
    ],
    ...[
      'smtp://h:0',
      'smtp://h:65536',
      'smtp://h:x',
      'smtp://h/x',
      'smtp://h?x',
      'smtp://h#x',
      'smtp://h\\x',
    ],
    ...[
      'smtp://a b',
      ' smtp://h',
      'smtp://h\n',
      'smtp://h\tx',
      'smtp://u%0d%0aQUIT@h',
      'smtp://h%0d',
      'smtp://%zz@h',
    ],
    ...['smtp://%ff@h', 'smtp://h%20x', 'smtp://h%2fx', 'smtp://h%3a25'],
  ])('refuses %j', (text) => expect(() => parseServerUrl('smtp', text)).toThrow(BadValue));

  it('refuses a password, and repeats no part of it', () => {
    for (const url of [
      'smtps://u:s3cret@h',
      'smtps://u:s3cret#x@h',
      'smtps://:s3cret@h',
      'smtps://u:s3cr%zzet@h',
      'smtp://u:s3cret@h/x',
      'smtps://u:s3cret',
      'smtps://u:s3cr et@h',
      'smpt://u:s3cret@h',
    ]) {
      let message = '';
      try {
        parseServerUrl('smtp', url);
      } catch (error) {
        message = String(error);
      }
      expect(message, url).not.toBe('');
      expect(message, url).not.toMatch(/s3cr/);
    }
    expect(() => parseServerUrl('smtp', 'smtps://u:s3cret@h')).toThrow('MAILTOOL_SMTP_PASSWORD');
  });

  it('fails with its own error only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), fc.boolean(), (rest, s) => {
        try {
          const url = parseServerUrl('smtp', `smtp${s ? 's' : ''}://${rest}`);
          expect(`${url.host}${url.user ?? ''}`).not.toMatch(/[\0-\x1f]/);
        } catch (error) {
          expect(error).toBeInstanceOf(BadValue);
        }
      }),
    );
  });
});

describe('fingerprints', () => {
  const hex = 'AB'.repeat(32);
  it.each([hex, hex.toLowerCase(), hex.match(/../g)?.join(':') ?? '', `SHA256:${hex}`, `sha-256=${hex}`])(
    '%s',
    (text) => expect(parseFingerprint(text)).toBe('ab'.repeat(32)),
  );
  it.each(['', 'ab', `${hex}00`, 'g'.repeat(64), `md5:${hex}`])('refuses %j', (text) =>
    expect(() => parseFingerprint(text)).toThrow(BadValue),
  );
  it('says what a SHA-1 is', () => expect(() => parseFingerprint('ab'.repeat(20))).toThrow(/SHA-1/));
});

describe('mechanisms, text, secrets', () => {
  it('writes mechanisms in upper case, auto and none in lower', () => {
    expect(parseMechanism('cram-md5')).toBe('CRAM-MD5');
    expect(parseMechanism('Auto')).toBe('auto');
    expect(parseMechanism('NONE')).toBe('none');
    for (const text of ['', 'PLAIN LOGIN', 'a\r\n', 'a'.repeat(21), 'plain,login']) {
      expect(() => parseMechanism(text), text).toThrow(BadValue);
    }
  });

  it('refuses control characters in text', () => {
    expect(parseText('Jörg "x" <a@b>')).toBe('Jörg "x" <a@b>');
    for (const text of ['a\rb', 'a\nb', 'a\0', '\u001b[0m', '\u007f', '\u009b', 'x'.repeat(4097)]) {
      expect(() => parseText(text), JSON.stringify(text)).toThrow(BadValue);
    }
  });

  it('takes any secret but one that breaks a line, and does not repeat it', () => {
    expect(parseSecret('pä\t ss#"')).toBe('pä\t ss#"');
    for (const end of ['\r', '\n', '\0', 'x'.repeat(4096)]) {
      expect(() => parseSecret(`s3cret${end}`)).toThrow(/^(?!.*s3cret)a password cannot/);
    }
  });

  it('takes a token of printable ASCII, as long as providers make them, and does not repeat it', () => {
    expect(parseToken('ya29.a0Af_B-~+/==')).toBe('ya29.a0Af_B-~+/==');
    expect(parseToken('x'.repeat(8192))).toHaveLength(8192);
    for (const end of ['\r', '\n', '\0', '\x01auth=Bearer y', ' ', '\x7f', 'ü', 'x'.repeat(8192)]) {
      expect(() => parseToken(`s3cret${end}`), JSON.stringify(end)).toThrow(/^(?!.*s3cret)a token cannot/);
    }
  });

  it.each([
    ['yes', true],
    ['TRUE', true],
    ['1', true],
    ['off', false],
    ['No', false],
    ['0', false],
  ])('a switch is %s', (text, on) => {
    expect(parseSwitch(text)).toBe(on);
  });

  it.each(['', 'x', 'yes ', 'nope'])('a switch is not %j', (text) => {
    expect(() => parseSwitch(text)).toThrow(BadValue);
  });

  it('has a check for every row of the table', () => {
    for (const setting of SETTINGS) {
      expect(() => checkValue(setting, 'a\0b'), setting.key).toThrow(BadValue);
    }
  });

  it('quotes foreign text harmlessly', () => {
    expect(quote('a\u001b[31m\u202e\u009b')).toBe('"a\\u001b[31m\\u202e\\u009b"');
    expect(quote('x'.repeat(100))).toHaveLength(83);
  });
});
