import type { Protocol } from '../../config/index.ts';
import { type Capabilities, expiry, loginDelay, type Policy } from '../../pop3/capabilities.ts';

/** What a POP3 server announces of log-ins and of the life of messages, for the document: seconds, and days or `never`. */
export function policyFields(protocol: Protocol, capabilities: Capabilities): Record<string, unknown> {
  if (protocol !== 'pop3') return {};
  return {
    loginDelay: loginDelay(capabilities)?.value ?? null,
    expire: expiry(capabilities)?.value ?? null,
  };
}

/** The same in words; nothing is said of what is not announced. */
export function policyRows(
  capabilities: Capabilities,
  loggedIn: boolean,
): (readonly [label: string, text: string])[] {
  const rows: (readonly [label: string, text: string])[] = [];
  const [delay, expire] = [loginDelay(capabilities), expiry(capabilities)];
  const differs = ({ perUser }: Policy<unknown>) =>
    perUser && !loggedIn ? '; others for some users (--login shows it)' : '';
  if (delay !== undefined) {
    const every = delay.value === 0 ? 'as often as you like' : `every ${spanOf(delay.value)} at most`;
    rows.push(['log-ins', every + differs(delay)]);
  }
  if (expire !== undefined) {
    const { value } = expire;
    const life =
      value === 'never'
        ? 'are never removed by the server'
        : value === 0
          ? 'are removed once they have been retrieved, whoever keeps them or not'
          : `are removed by the server after ${counted(value, 'day')}`;
    rows.push(['messages', life + differs(expire)]);
  }
  return rows;
}

function spanOf(seconds: number): string {
  for (const [length, unit] of [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
  ] as const) {
    if (seconds % length === 0) return counted(seconds / length, unit);
  }
  return counted(seconds, 'second');
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
