// Many small messages over one connection with nodemailer's pool: raw, or composed.
import { createTransport } from 'nodemailer';

const [port, count, how] = process.argv.slice(2);
const TEXT = 'A small message.\n'.repeat(20);
const raw = `From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n${TEXT.replaceAll('\n', '\r\n')}`;
const envelope = { from: 'a@example.org', to: ['b@example.org'] };

const started = performance.now();
const transport = createTransport({
  host: '127.0.0.1',
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: 1,
  maxMessages: Number.POSITIVE_INFINITY,
});
const sent = [];
for (let index = 0; index < Number(count); index++) {
  sent.push(
    transport.sendMail(
      how === 'composed'
        ? { from: 'a@example.org', to: 'b@example.org', subject: 'benchmark', text: TEXT }
        : { envelope, raw },
    ),
  );
}
await Promise.all(sent);
const elapsed = performance.now() - started;
transport.close();
process.stdout.write(String(elapsed));
