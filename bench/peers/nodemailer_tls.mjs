// What a program that sends one message with nodemailer, with STARTTLS and a log-in, looks like.
import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';

const [port, ca, user, pass] = process.argv.slice(2);
const transport = createTransport({
  host: '127.0.0.1',
  port: Number(port),
  secure: false,
  requireTLS: true,
  tls: { ca: readFileSync(ca) },
  auth: { user, pass },
});
await transport.sendMail({
  from: 'a@example.org',
  to: 'b@example.org',
  subject: 'benchmark',
  text: 'A small message.\n'.repeat(20),
});
transport.close();
