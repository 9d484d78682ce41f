// The first 50 of a maildrop of 100,000 messages, as a whole process, beside what LIST and UIDL alone take: in mailtool
// (no header is asked for then), and in a bare program that makes nothing of them.
import { join } from 'node:path';
import { MAILTOOL, race, report, serve } from './measure.mjs';

const MESSAGES = '100000';

export async function run() {
  const node = process.execPath;
  const server = await serve('maildrop.mjs', [MESSAGES]);
  const port = String(server.ready.port);
  const env = {
    MAILTOOL_POP3_HOST: '127.0.0.1',
    MAILTOOL_POP3_PORT: port,
    MAILTOOL_POP3_TLS: 'none',
    MAILTOOL_POP3_USER: 'ann',
    MAILTOOL_POP3_PASSWORD: 'secret',
  };
  const mailtool = (name, ...args) => ({ name, command: node, args: [MAILTOOL, ...args], env });
  try {
    const medians = race(
      [
        {
          name: 'LIST and UIDL, read and dropped',
          command: node,
          args: [join(import.meta.dirname, 'peers/pop3_listings.mjs'), port],
        },
        mailtool('mailtool stat', 'stat'),
        mailtool('mailtool list --no-headers', 'list', '--no-headers'),
        mailtool('mailtool list', 'list'),
        mailtool('mailtool uidl', 'uidl'),
      ],
      15,
    );
    report(`the first 50 of ${MESSAGES} messages`, medians, 'mailtool list --no-headers', {
      'mailtool list': 1.5,
    });
    const bare = medians.get('mailtool list') / medians.get('LIST and UIDL, read and dropped');
    process.stdout.write(
      `  mailtool list takes ${bare.toFixed(2)} times as long as a bare Node that reads LIST and UIDL and drops them\n`,
    );
  } finally {
    server.stop();
  }
}
