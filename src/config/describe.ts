import type { Settings } from './layers.ts';
import { SETTINGS, type SettingKey, type SettingKind } from './settings.ts';
import type { LayerName } from './stated.ts';

/** One value for people to look at. */
export interface DescribedSetting {
  readonly key: SettingKey;
  /** `***` for a password or token, and for a command, which may have one in it. May be foreign text. */
  readonly value: string;
  readonly layer: LayerName;
  /** As in `./.env:3 MAILTOOL_SMTP_HOST`. */
  readonly place: string;
}

/** The values that win, in the order of the table, each with its place. */
export function describeSettings(settings: Settings): DescribedSetting[] {
  return SETTINGS.flatMap(({ key, kind }) => {
    const stated = settings.stated(key);
    if (stated === undefined) return [];
    const value = shown(kind, stated.text);
    return [{ key, value, layer: stated.layer, place: stated.place }];
  });
}

function shown(kind: SettingKind, text: string): string {
  if (kind === 'secret' || kind === 'token' || kind === 'command') return '***';
  // What stands before the last @ of a proxy is a user, and may be a password.
  return kind === 'proxy' ? text.replace(/^([a-z0-9]*:\/\/)?.*@/s, '$1***@') : text;
}
