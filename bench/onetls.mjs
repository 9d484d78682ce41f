// One small message with STARTTLS and a log-in, as a whole process, beside the tools people use for that. Each trusts the
// server's certificate by a file that it is given.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { MAILTOOL, race, report, serve } from './measure.mjs';

const TEXT = 'A small message.\n'.repeat(20);
const MESSAGE = `From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}`;
const USER = 'mona';
const PASSWORD = 'correct horse';

/** A throw-away certificate for the loopback address: key.pem and cert.pem in `folder`. */
async function makeCertificate(folder) {
  const altNames = [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ];
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames }],
  });
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
}

export async function run() {
  const node = process.execPath;
  const folder = mkdtempSync(join(tmpdir(), 'mailtool-bench-'));
  await makeCertificate(folder);
  const sink = await serve('sink.mjs', ['--tls', folder]);
  const port = String(sink.ready.port);
  const ca = join(folder, 'cert.pem');
  const peer = (file) => join(import.meta.dirname, 'peers', file);
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
          env: {
            MAILTOOL_SMTP_HOST: '127.0.0.1',
            MAILTOOL_SMTP_PORT: port,
            MAILTOOL_SMTP_TLS: 'starttls',
            MAILTOOL_SMTP_USER: USER,
            MAILTOOL_SMTP_PASSWORD: PASSWORD,
            MAILTOOL_TLS_CA: ca,
          },
        },
        {
          name: 'a nodemailer script',
          command: node,
          args: [peer('nodemailer_tls.mjs'), port, ca, USER, PASSWORD],
        },
        {
          name: 'a Python smtplib script',
          command: 'python3',
          args: [peer('smtplib_tls.py'), port, ca, USER, PASSWORD],
          needs: 'python3',
        },
        {
          name: 'swaks',
          command: 'swaks',
          args: [
            ...`-s 127.0.0.1 -p ${port} -f a@example.org -t b@example.org -tls --tls-verify --tls-ca-path ${ca}`.split(
              ' ',
            ),
            ...[
              '-a',
              'PLAIN',
              '-au',
              USER,
              '-ap',
              PASSWORD,
              '--header',
              'Subject: benchmark',
              '--body',
              TEXT,
            ],
          ],
          needs: 'swaks',
        },
        {
          name: 'msmtp',
          command: 'msmtp',
          args: [
            ...`--host=127.0.0.1 --port=${port} --tls=on --tls-trust-file=${ca} --auth=plain --user=${USER}`.split(
              ' ',
            ),
            ...[`--passwordeval=cat ${join(folder, 'password')}`, '-f', 'a@example.org', 'b@example.org'],
          ],
          input: MESSAGE,
          needs: 'msmtp',
        },
        {
          name: 'curl',
          command: 'curl',
          args: [
            ...`-sS smtp://127.0.0.1:${port} --ssl-reqd --cacert ${ca}`.split(' '),
            ...['--user', `${USER}:${PASSWORD}`],
            ...'--mail-from a@example.org --mail-rcpt b@example.org -T -'.split(' '),
          ],
          input: MESSAGE,
          needs: 'curl',
        },
      ],
      15,
    );
    report('one small message with STARTTLS and a log-in', medians, 'node -e 0');
    const share = medians.get('mailtool send') / medians.get('a nodemailer script');
    process.stdout.write(
      `  mailtool takes ${share.toFixed(2)} of the nodemailer script's time (target 0.7: ${share <= 0.7 ? 'met' : 'MISSED'})\n`,
    );
  } finally {
    sink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
