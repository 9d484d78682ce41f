import type { CommandDefinition } from './command.ts';

// A new subcommand is a file beside this one, one line in the table below, test/cli/<name>.test.ts, and for --json
// schemas/<name>.schema.json with runs in test/cli/json-runs.ts:
//
//   export const command: CommandDefinition<{ check?: boolean }> = {
//     connects: ['pop3'],                                  // gets --pop3-* and --tls-* flags, and ctx.settings
//     document: { messages: null, size: null },             // all fields of the --json document, as a failure has them
//     examples: ['mailtool stat', 'mailtool stat --json', 'mailtool stat --check || echo "no mail"'],
//     define: (command) => command.option('--check', 'exit 1 when the maildrop is empty'),
//     async run(ctx, args, { check }) {                    // args: the words that are no options, in order
//       const { messages, size } = await withPop3(ctx, (pop3) => pop3.stat());   // connects, and QUITs or closes
//       ctx.output.line(`${messages} ${size}`);            // text on stdout, escaped; silent with --json
//       ctx.output.document({ messages, size });           // fields of the --json document; silent without
//       return check === true && messages === 0 ? EXIT.no : EXIT.done;
//     },
//   };
//
// Failures are thrown as the errors of src/errors.ts; the shell says them on stderr, in the JSON document (with whatever
// document() was given before), and as the exit code. Further: output.bytes() for raw octets, output.warn(),
// output.verbose(), output.success(), ctx.progress(), ctx.signal, ctx.deadline. Only the file of the command that was
// asked for is loaded, so imports at its top cost the other commands nothing.

/** One subcommand: enough for the list of commands, and how to get the rest. */
export interface CommandEntry {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  load(): Promise<{ readonly command: CommandDefinition }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'send', summary: 'send a message', load: () => import('./send.ts') },
  {
    name: 'list',
    summary: 'list the messages of the maildrop, newest first',
    load: () => import('./list.ts'),
  },
  {
    name: 'show',
    summary: 'show a message as people read it, from the server or a file',
    load: () => import('./show.ts'),
  },
  {
    name: 'save',
    summary: 'save attachments, under names that are safe',
    load: () => import('./save.ts'),
  },
  {
    name: 'retr',
    summary: 'retrieve messages, exactly as the server has them',
    load: () => import('./retr.ts'),
  },
  {
    name: 'fetch',
    summary: 'fetch what is new into a Maildir, an mbox, a directory, or a command',
    load: () => import('./fetch.ts'),
  },
  {
    name: 'wait',
    summary: 'wait for a message, and print its text, its link or its code',
    load: () => import('./wait.ts'),
  },
  { name: 'dele', summary: 'delete messages: all that are named, or none', load: () => import('./dele.ts') },
  { name: 'stat', summary: 'count the messages and their octets', load: () => import('./stat.ts') },
  { name: 'uidl', summary: 'list unique-ids', load: () => import('./uidl.ts') },
  { name: 'top', summary: 'show the header of a message, unchanged', load: () => import('./top.ts') },
  {
    name: 'probe',
    summary: 'say what a server offers, and how long its certificate is valid',
    load: () => import('./probe.ts'),
  },
  {
    name: 'verify',
    summary: 'ask a server whether addresses are there, without sending anything',
    load: () => import('./verify.ts'),
  },
  {
    name: 'raw',
    summary: 'talk to a server in commands of your own',
    load: () => import('./raw.ts'),
  },
  {
    name: 'sandbox',
    summary: 'run a mail server of your own on this machine, to try things out',
    load: () => import('./sandbox.ts'),
  },
  {
    name: 'accounts',
    summary: 'list the accounts of the configuration file',
    load: () => import('./accounts.ts'),
  },
  {
    name: 'config',
    summary: 'check the settings, say where each comes from, or where the file is',
    load: () => import('./config.ts'),
  },
  {
    name: 'help',
    summary: 'explain a command, or: exit-codes, env, json, cron, ci',
    load: () => import('./help.ts'),
  },
];

export function findCommand(name: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.name === name);
}
