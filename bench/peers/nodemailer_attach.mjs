// What a program that sends a file with nodemailer looks like.
import { createTransport } from 'nodemailer';

const [port, path] = process.argv.slice(2);
const transport = createTransport({ host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true });
await transport.sendMail({
  from: 'a@example.org',
  to: 'b@example.org',
  subject: 'benchmark',
  text: 'See the file.',
  attachments: [{ path }],
});
transport.close();
