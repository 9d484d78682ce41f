import { expect, test } from 'vitest';
import { against, BYE, loggedIn } from './maildrop.ts';

const open = (...capabilities: string[]) =>
  `S: +OK ready\nC: CAPA\nS: +OK\n${capabilities.map((line) => `S: ${line}`).join('\n')}\nS: .\n${BYE}`;

test('what a server announces of log-ins and messages, in words', async () => {
  const { code, stdout } = await against(open('LOGIN-DELAY 900', 'EXPIRE 60 USER'), ['probe', 'pop3']);
  expect(code).toBe(0);
  expect(stdout).toContain('log-ins     every 15 minutes at most\n');
  expect(stdout).toContain(
    'messages    are removed by the server after 60 days; others for some users (--login shows it)\n',
  );
});

test.each([
  ['EXPIRE NEVER', 'messages    are never removed by the server', 'never', null],
  ['EXPIRE 0 USER', 'are removed once they have been retrieved, whoever keeps them or not\n', 0, null],
  ['LOGIN-DELAY 61', 'every 61 seconds at most', null, 61],
])('%s', async (capability, words, expire, loginDelay) => {
  const script = `${loggedIn(capability)}\n${BYE}`;
  expect((await against(script, ['probe', 'pop3', '--login'])).stdout).toContain(words);
  const { stdout } = await against(script, ['probe', 'pop3', '--login', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ expire, loginDelay });
});
