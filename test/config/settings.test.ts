import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { flagName, SETTING_GROUPS, SETTINGS, settingOf, waysToSet } from '../../src/config/settings.ts';

const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');

describe('the table of settings', () => {
  it('has no key, variable or flag twice', () => {
    for (const names of [
      SETTINGS.map((setting) => setting.key),
      SETTINGS.flatMap((setting) => setting.variable ?? []),
      SETTINGS.flatMap((setting) => flagName(setting) ?? []),
    ]) {
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('names flags and variables after the key', () => {
    for (const { key, variable, flag } of SETTINGS) {
      const words = key.split(/[.-]/);
      if (variable !== undefined) expect(variable).toBe(`MAILTOOL_${words.join('_').toUpperCase()}`);
      if (flag !== undefined) expect(flag).toMatch(new RegExp(`^(-[f46], )?--${words.join('-')}( <.+>)?$`));
      expect(variable ?? flag).toBeDefined();
    }
  });

  it('gives every flag but the switches an argument', () => {
    for (const { kind, flag } of SETTINGS) {
      if (flag !== undefined) expect(flag.includes('<')).toBe(kind !== 'boolean');
    }
  });

  it('has no flag for a password or token, and no variable for what must be typed', () => {
    for (const setting of SETTINGS.filter(({ kind }) => kind === 'secret' || kind === 'token'))
      expect(setting.flag).toBeUndefined();
    for (const key of ['tls.insecure', 'allow-cleartext-auth', 'smtp.password-stdin'] as const) {
      expect(settingOf(key).variable).toBeUndefined();
    }
  });

  it('marks what runs, reads or writes a named thing, and what steers a secret', () => {
    const marked = (mark: 'reaches' | 'steers') => SETTINGS.filter((s) => s[mark]).map((s) => s.key);
    expect(marked('reaches')).toEqual([
      'smtp.password-file',
      'smtp.password-cmd',
      'smtp.token-cmd',
      'pop3.password-file',
      'pop3.password-cmd',
      'pop3.token-cmd',
      'state-dir',
      'tls.key',
      'dkim.key',
      'log-file',
    ]);
    expect(marked('steers')).toEqual([
      ...['smtp.url', 'smtp.host', 'smtp.port', 'smtp.tls'],
      ...['pop3.url', 'pop3.host', 'pop3.port', 'pop3.tls'],
      ...['proxy', 'tls.ca', 'tls.fingerprint', 'tls.pin', 'tls.min-version'],
      ...['tls.insecure', 'allow-cleartext-auth'],
    ]);
  });

  it('describes each in one line, under a heading that exists', () => {
    for (const { about, group } of SETTINGS) {
      expect(about).toMatch(/^\S[^\n]*[^.\s]$/);
      expect(SETTING_GROUPS[group]).toMatch(/:$/);
    }
  });

  it('says how to set one', () => {
    expect(waysToSet('smtp.host')).toBe('--smtp-host or MAILTOOL_SMTP_HOST');
    expect(waysToSet('from')).toBe('--from or MAILTOOL_FROM');
    expect(waysToSet('pop3.password')).toBe('MAILTOOL_POP3_PASSWORD');
  });
});

describe('.env.example', () => {
  it('has every variable once, and no other', () => {
    const named = [...example.matchAll(/^(?:# )?(MAILTOOL_[A-Z0-9_]+)=/gm)].map((match) => match[1]);
    const variables = SETTINGS.flatMap((setting) => setting.variable ?? []);
    expect([...named].sort()).toEqual([...variables].sort());
  });

  it('quotes passwords and tokens, and shows what happens at a #', () => {
    for (const line of example
      .split('\n')
      .filter((text) => /^(# )?MAILTOOL_\w+_(PASSWORD|TOKEN)=/.test(text))) {
      expect(line).toMatch(/="[^"]+"$/);
    }
    expect(parse('MAILTOOL_SMTP_PASSWORD=p@ss#word')).toEqual({ MAILTOOL_SMTP_PASSWORD: 'p@ss' });
    expect(parse('MAILTOOL_SMTP_PASSWORD="p@ss#word"')).toEqual({ MAILTOOL_SMTP_PASSWORD: 'p@ss#word' });
    expect(example).toContain('is read as  p@ss\n');
  });
});
