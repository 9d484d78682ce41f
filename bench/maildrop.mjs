// A POP3 server with a maildrop of so many messages: LIST and UIDL lie ready, TOP gives a header of the usual size.
import { createServer } from 'node:net';

const count = Number(process.argv[2] ?? 100_000);
const rows = (of) => {
  const lines = Array.from({ length: count }, (_, index) => `${index + 1} ${of(index + 1)}\r\n`);
  return Buffer.from(`+OK ${count} messages\r\n${lines.join('')}.\r\n`);
};
const LIST = rows((number) => 2_000 + (number % 5_000));
const UIDL = rows((number) => `${(number * 2_654_435_761).toString(16).padStart(16, '0')}.${number}`);
const CAPA = '+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n.\r\n';
const header = (number) =>
  `+OK\r\nReceived: from a.example.org by b.example.org; Fri, 20 Nov 2026 10:00:00 +0100\r\nFrom: "Sender ${number}" <s${number}@example.org>\r\n` +
  `To: me@example.org\r\nSubject: message number ${number}\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <${number}@example.org>\r\n\r\n.\r\n`;

function answer(line) {
  const [verb, word] = line.split(' ');
  if (verb === 'CAPA') return CAPA;
  if (verb === 'STAT') return `+OK ${count} ${count * 4_500}\r\n`;
  if (verb === 'LIST') return LIST;
  if (verb === 'UIDL') return UIDL;
  if (verb === 'TOP') return header(Number(word));
  return '+OK\r\n';
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.write('+OK ready\r\n');
  let held = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    held += chunk;
    for (let end = held.indexOf('\r\n'); end !== -1; end = held.indexOf('\r\n')) {
      const line = held.slice(0, end);
      held = held.slice(end + 2);
      socket.write(answer(line));
      if (line === 'QUIT') socket.end();
    }
  });
  socket.on('error', () => undefined);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
