// Many small messages over one connection with the library: raw, composed, or raw by BDAT.
import { bytesSource, compose, rawMessage, SmtpPool } from '../../dist/lib/index.js';

const [port, count, how] = process.argv.slice(2);
const TEXT = 'A small message.\n'.repeat(20);
const raw = Buffer.from(
  `From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}`,
);
const envelope = { reversePath: 'a@example.org', recipients: ['b@example.org'] };
const mailbox = (address) => ({ name: '', address });

const started = performance.now();
const pool = new SmtpPool({ host: '127.0.0.1', port: Number(port), security: 'none' });
const sent = [];
for (let index = 0; index < Number(count); index++) {
  const message =
    how === 'composed'
      ? await compose({
          from: mailbox('a@example.org'),
          to: [mailbox('b@example.org')],
          subject: 'benchmark',
          text: TEXT,
        })
      : await rawMessage(bytesSource(raw));
  sent.push(pool.send(envelope, message, { chunking: how === 'bdat' }));
}
await Promise.all(sent);
const elapsed = performance.now() - started;
await pool.close();
process.stdout.write(String(elapsed));
