// What a program that sends one message with nodemailer looks like.
import { createTransport } from 'nodemailer';

const [port] = process.argv.slice(2);
const transport = createTransport({ host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true });
await transport.sendMail({
  from: 'a@example.org',
  to: 'b@example.org',
  subject: 'benchmark',
  text: 'A small message.\n'.repeat(20),
});
transport.close();
