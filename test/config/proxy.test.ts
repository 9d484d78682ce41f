import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { serverAccount } from '../../src/config/account.ts';
import { describeSettings } from '../../src/config/describe.ts';
import { parseProxy } from '../../src/config/proxy.ts';
import { addressFamily, BadValue, parsePins } from '../../src/config/values.ts';
import { ConfigError, UsageError } from '../../src/errors.ts';
import { type Given, load } from './load.ts';

const account = async (given: Given) => {
  const { flags, ...rest } = given;
  return serverAccount(await load({ flags: { 'smtp.host': 'mx.example.org', ...flags }, ...rest }), 'smtp');
};

describe('a proxy URL', () => {
  it.each([
    ['socks5://p', 'socks5', 'p', 1080, undefined, undefined],
    ['socks5h://p:9', 'socks5', 'p', 9, undefined, undefined],
    ['SOCKS4A://ann@p', 'socks4a', 'p', 1080, 'ann', undefined],
    ['http://p', 'http', 'p', 80, undefined, undefined],
    ['http://p:80/', 'http', 'p', 80, undefined, undefined],
    ['http://p:3128', 'http', 'p', 3128, undefined, undefined],
    ['https://p', 'https', 'p', 443, undefined, undefined],
    ['socks5://ann:p%40ss%23w%3Ard@[2001:db8::1]:1081', 'socks5', '2001:db8::1', 1081, 'ann', 'p@ss#w:rd'],
    ['http://ann:x%C3%A4@127.0.0.1:8080', 'http', '127.0.0.1', 8080, 'ann', 'xä'],
  ])('%s', (text, scheme, host, port, username, password) => {
    const proxy = parseProxy(text);
    expect(proxy).toMatchObject({ scheme, host, port });
    expect([proxy?.username, proxy?.password]).toEqual([username, password]);
  });

  it.each([
    ...['p', 'p:1080', 'ftp://p', 'socks4://p', 'socks5://', 'socks5:///p', 'socks5://p/x', 'socks5://p?x'],
    ...[
      'socks5://p#x',
      'socks5://p:0',
      'socks5://p:99999',
      'socks5://p q',
      'socks5://p\r\n',
      'socks5://p%0d%0a',
    ],
    ...['socks5://:s3cret@p', 'socks4a://u:s3cret@p', 'http://u%3Av:s3cret@p', 'http://u:s3cret%0D%0AX: y@p'],
    ...[
      'http://u:s3cret%00@p',
      'http://u%0A:s3cret@p',
      'http://u:s3cret%@p',
      'http://u:s3cret#@p',
      'NONE',
      '',
    ],
    `socks5://${'u'.repeat(256)}:s3cret@p`,
  ])('%j is none, and told without what may be a password', (text) => {
    let error: unknown;
    try {
      parseProxy(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(BadValue);
    expect(String(error)).not.toContain('s3cret');
  });

  it('is none on wish', () => {
    expect(parseProxy('none')).toBeUndefined();
  });
});

describe('the way to a server', () => {
  it('is direct unless somebody says otherwise, whatever other programs are told', async () => {
    const env = { http_proxy: 'http://x', HTTPS_PROXY: 'http://x', ALL_PROXY: 'socks5://x', all_proxy: 'x' };
    expect(await account({ env })).toMatchObject({
      proxy: undefined,
      localAddress: undefined,
      family: undefined,
    });
  });

  it('may be said by flag, environment and file; a flag turns it off', async () => {
    const env = { MAILTOOL_PROXY: 'http://a:1', MAILTOOL_LOCAL_ADDRESS: '::1' };
    expect(await account({ env })).toMatchObject({ proxy: { host: 'a' }, localAddress: '::1' });
    expect(await account({ env, flags: { proxy: 'socks5://b' } })).toMatchObject({
      proxy: { scheme: 'socks5' },
    });
    expect((await account({ env, flags: { proxy: 'none' } })).proxy).toBeUndefined();
    expect((await account({ dotenv: 'MAILTOOL_PROXY=http://c' })).proxy?.host).toBe('c');
    expect((await account({ flags: { ipv4: true } })).family).toBe(4);
    expect((await account({ flags: { ipv6: true, 'local-address': 'fe80::1%eth0' } })).family).toBe(6);
  });

  it('keeps the password out of everything that prints', async () => {
    const env = { MAILTOOL_PROXY: 'http://ann:s3cret%40x@p:1' };
    const whole = await account({ env });
    expect(whole.proxy?.password).toBe('s3cret@x');
    const settings = await load({ env });
    const described = describeSettings(settings);
    expect(described.find(({ key }) => key === 'proxy')?.value).toBe('http://***@p:1');
    expect(`${inspect(whole, { depth: 9 })}${JSON.stringify(whole)}${inspect(described)}`).not.toContain(
      's3cret',
    );
  });

  it('has no password on the command line, where others see it', async () => {
    const error = await account({ flags: { proxy: 'http://ann:s3cret@p' } }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ hint: expect.stringContaining('MAILTOOL_PROXY') });
    expect(JSON.stringify(error)).not.toContain('s3cret');
    expect((await account({ flags: { proxy: 'http://ann@p' } })).proxy?.username).toBe('ann');
  });

  it('makes loopback somebody else’s: TLS, and no password in clear', async () => {
    const flags = { 'smtp.host': '127.0.0.1' };
    expect(await account({ flags })).toMatchObject({ security: 'none', allowCleartextAuth: true });
    expect(await account({ flags: { ...flags, proxy: 'socks5://127.0.0.1' } })).toMatchObject({
      security: 'starttls',
      allowCleartextAuth: false,
    });
  });

  it('cannot be of two families', async () => {
    await expect(account({ flags: { ipv4: true, ipv6: true } })).rejects.toBeInstanceOf(UsageError);
    const other = account({ flags: { ipv4: true }, env: { MAILTOOL_LOCAL_ADDRESS: '::1' } });
    await expect(other).rejects.toBeInstanceOf(ConfigError);
    await expect(account({ flags: { 'local-address': 'localhost' } })).rejects.toBeInstanceOf(UsageError);
    await expect(account({ env: { MAILTOOL_PROXY: 'nonsense' } })).rejects.toBeInstanceOf(ConfigError);
  });

  it.each([
    ['127.0.0.1', 4],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['::', 6],
    ['2001:db8::192.0.2.1', 6],
    ['fe80::1%eth0.1', 6],
    ['1::2::3', undefined],
    ['a.b:c', undefined],
    ['localhost', undefined],
  ])('%s is of IPv%s', (text, family) => {
    expect(addressFamily(text)).toBe(family);
  });
});

describe('pins', () => {
  const hex = '00ff'.repeat(16);
  const base64 = Buffer.from(hex, 'hex').toString('base64');

  it.each([hex, hex.toUpperCase(), `sha256:${hex}`, base64, `sha256//${base64}`, base64.replace('=', '')])(
    '%s',
    (text) => {
      expect(parsePins(text)).toEqual([base64]);
      expect(parsePins(`${text}, ${text};${text}`)).toEqual([base64, base64, base64]);
    },
  );

  it.each(['', 'x', hex.slice(2), `${base64}=`, 'sha1//abc', `${hex},`, Array(11).fill(hex).join(',')])(
    'not %j',
    (text) => {
      expect(() => parsePins(text)).toThrow(BadValue);
    },
  );
});
