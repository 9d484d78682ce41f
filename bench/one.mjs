// One small message to a server that takes everything, as a whole process, beside the tools people use for that.
import { join } from 'node:path';
import { MAILTOOL, race, report, serve } from './measure.mjs';

const TEXT = 'A small message.\n'.repeat(20);
const MESSAGE = `From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}`;

export async function run() {
  const node = process.execPath;
  const sink = await serve('sink.mjs');
  const port = String(sink.ready.port);
  try {
    const medians = race(
      [
        { name: 'node -e 0', command: node, args: ['-e', '0'] },
        {
          name: 'mailtool send',
          command: node,
          args: [
            MAILTOOL,
            'send',
            '-f',
            'a@example.org',
            '-t',
            'b@example.org',
            '-s',
            'benchmark',
            '-m',
            TEXT,
          ],
          env: { MAILTOOL_SMTP_HOST: '127.0.0.1', MAILTOOL_SMTP_PORT: port, MAILTOOL_SMTP_TLS: 'none' },
        },
        {
          name: 'a nodemailer script',
          command: node,
          args: [join(import.meta.dirname, 'peers/nodemailer.mjs'), port],
        },
        {
          name: 'a Python smtplib script',
          command: 'python3',
          args: [join(import.meta.dirname, 'peers/smtplib_one.py'), port],
          needs: 'python3',
        },
        {
          name: 'swaks',
          command: 'swaks',
          args: [
            '-s',
            '127.0.0.1',
            '-p',
            port,
            '-f',
            'a@example.org',
            '-t',
            'b@example.org',
            '--header',
            'Subject: benchmark',
            '--body',
            TEXT,
          ],
          needs: 'swaks',
        },
        {
          name: 'msmtp',
          command: 'msmtp',
          args: [`--host=127.0.0.1`, `--port=${port}`, '-f', 'a@example.org', 'b@example.org'],
          input: MESSAGE,
          needs: 'msmtp',
        },
        {
          name: 'curl',
          command: 'curl',
          args: [
            '-sS',
            `smtp://127.0.0.1:${port}`,
            '--mail-from',
            'a@example.org',
            '--mail-rcpt',
            'b@example.org',
            '-T',
            '-',
          ],
          input: MESSAGE,
          needs: 'curl',
        },
      ],
      21,
    );
    report('one small message', medians, 'node -e 0', { 'mailtool send': 1.8 });
    const faster = medians.get('a nodemailer script') / medians.get('mailtool send');
    process.stdout.write(
      `  mailtool is ${faster.toFixed(2)} times as fast as the nodemailer script (target 1.8: ${faster >= 1.8 ? 'met' : 'MISSED'})\n`,
    );
  } finally {
    sink.stop();
  }
}
