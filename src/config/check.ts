/** The check of each kind of setting. */
import { parseDomain, parseSelectors } from './dkim.ts';
import { parseProxy } from './proxy.ts';
import type { Setting, SettingKind } from './setting.ts';
import {
  BadValue,
  parseAddress,
  parseDuration,
  parseFingerprint,
  parseHost,
  parseLanguage,
  parseMechanism,
  parseMessageText,
  parsePins,
  parsePort,
  parseSecret,
  parseServerUrl,
  parseSwitch,
  parseText,
  parseToken,
  quote,
} from './values.ts';

const CHECKS: Readonly<Record<SettingKind, (text: string, setting: Setting) => unknown>> = {
  text: parseText,
  message: parseMessageText,
  file: parseText,
  command: (text) => {
    if (text.includes('\0')) throw new BadValue('it has a NUL in it');
  },
  secret: parseSecret,
  token: parseToken,
  host: parseHost,
  port: parsePort,
  duration: (text) => parseDuration(text),
  fingerprint: parseFingerprint,
  pin: parsePins,
  proxy: parseProxy,
  address: parseAddress,
  selectors: parseSelectors,
  domain: parseDomain,
  language: parseLanguage,
  mechanism: parseMechanism,
  boolean: parseSwitch,
  url: (text, { group }) => parseServerUrl(group === 'pop3' ? 'pop3' : 'smtp', text),
  choice: (text, { choices = [] }) => {
    if (!choices.includes(text)) throw new BadValue(`${quote(text)} is not one of ${choices.join(', ')}`);
  },
};

/** Throws `BadValue` when `text` is no value for `setting`. */
export function checkValue(setting: Setting, text: string): void {
  CHECKS[setting.kind](text, setting);
}
