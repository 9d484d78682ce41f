import { startSandbox } from '../../src/sandbox/index.ts';
import { mailtool, type Ran, type RunOptions } from './mailtool.ts';

export interface Mail {
  readonly from?: string;
  readonly to?: string;
  readonly subject?: string;
  /** Further fields, each with its line end. */
  readonly fields?: string;
  readonly text?: string;
  readonly html?: string;
}

/** A message as it goes over the wire, put together by hand: anything can be in it. */
export function message({ from = 'shop@example.org', to = 'ann@example.org', ...mail }: Mail): string {
  const [type, body] = mail.html === undefined ? ['plain', mail.text ?? 'Hello.'] : ['html', mail.html];
  return (
    `From: ${from}\r\nTo: ${to}\r\nSubject: ${mail.subject ?? 'Confirm'}\r\n${mail.fields ?? ''}` +
    `MIME-Version: 1.0\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n` +
    `${body.replaceAll('\n', '\r\n')}\r\n`
  );
}

export async function deliver(env: Readonly<Record<string, string>>, mail: Mail): Promise<void> {
  const args = ['send', '--raw', '-', '-t', 'ann@example.org'];
  const { code, stderr } = await mailtool(args, { env, input: message(mail) });
  if (code !== 0) throw new Error(stderr);
}

export interface Waiting extends RunOptions {
  readonly faults?: readonly string[];
  /** In the maildrop before. */
  readonly before?: readonly Mail[];
  /** Sent once the wait has seen what was there before. */
  readonly mails?: readonly Mail[];
}

export interface Waited extends Ran {
  /** Without the steps that -v tells. */
  readonly said: string;
  /** In the maildrop afterwards. */
  readonly left: number;
  /** Log-ins, as far as they were tried. */
  readonly polls: number;
}

/** Runs `mailtool wait ARGS` on a sandbox of its own. */
export async function waited(args: readonly string[], options: Waiting = {}): Promise<Waited> {
  const { faults = [], before = [], mails = [], ...how } = options;
  let polls = 0;
  await using sandbox = await startSandbox({
    faults,
    onEvent: (event) => {
      if (event.type === 'connect' && event.protocol === 'pop3') polls++;
    },
  });
  const env = sandbox.environment();
  for (const mail of before) await deliver(env, mail);
  let sending: Promise<void> | undefined;
  const ran = await mailtool(['wait', '-v', ...args], {
    ...how,
    env: { ...env, ...how.env },
    onStderr: (text, kill) => {
      if (text.includes('there already')) sending ??= sendAll(env, mails);
      how.onStderr?.(text, kill);
    },
  });
  await sending;
  const steps =
    /^mailtool: (?:looking at|\d+ messages are there|.*; looking again|a message matches, and).*\n/gm;
  return { ...ran, said: ran.stderr.replace(steps, ''), left: sandbox.messages().length, polls };
}

async function sendAll(env: Readonly<Record<string, string>>, mails: readonly Mail[]): Promise<void> {
  for (const mail of mails) await deliver(env, mail);
}
