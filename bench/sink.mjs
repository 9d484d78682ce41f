// An SMTP server that takes everything and keeps nothing; prints its port as a line of JSON. It pays no attention to
// grammar: it is here to cost as little as it can.
import { createServer } from 'node:net';

const EHLO = '250-sink\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 8BITMIME\r\n';
const END = Buffer.from('\r\n.\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  let text = '';
  let data = false;
  let tail = Buffer.alloc(0);
  socket.write('220 sink ESMTP\r\n');
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    let rest = chunk;
    if (data) {
      const joined = tail.length > 0 ? Buffer.concat([tail, rest.subarray(0, 5)]) : rest.subarray(0, 0);
      let end = joined.indexOf(END);
      if (end !== -1) end -= tail.length;
      else end = rest.indexOf(END);
      if (end === -1) {
        tail = Buffer.from((rest.length >= 4 ? rest : Buffer.concat([tail, rest])).subarray(-4));
        return;
      }
      data = false;
      socket.write('250 2.0.0 taken\r\n');
      rest = rest.subarray(end + END.length);
    }
    text += rest.toString('latin1');
    let replies = '';
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const verb = text.slice(0, 4).toUpperCase();
      text = text.slice(end + 1);
      if (verb === 'EHLO' || verb === 'HELO') replies += EHLO;
      else if (verb === 'DATA') {
        data = true;
        replies += '354 go on\r\n';
        tail = Buffer.from('\r\n');
        if (text !== '') {
          socket.write(replies);
          replies = '';
          const body = Buffer.from(text, 'latin1');
          text = '';
          socket.emit('data', body);
          return;
        }
      } else if (verb === 'QUIT') {
        socket.end(`${replies}221 bye\r\n`);
        return;
      } else replies += '250 ok\r\n';
    }
    if (replies !== '') socket.write(replies);
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
);
