// An SMTP server that takes everything and keeps nothing; prints its port as a line of JSON, and another line for every
// connection that ends. It pays little attention to grammar: it is here to cost as little as it can. `--delay MS` holds
// every reply back, as a line of that round trip does; `--tls FOLDER` offers STARTTLS with key.pem and cert.pem from there.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';

const option = (name) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? undefined : process.argv[at + 1];
};
const delayMs = Number(option('--delay') ?? 0);
const folder = option('--tls');
const secureContext =
  folder === undefined
    ? undefined
    : createSecureContext({
        key: readFileSync(join(folder, 'key.pem')),
        cert: readFileSync(join(folder, 'cert.pem')),
      });

const OFFERED = '250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n';
const HELLO = `250-sink\r\n${OFFERED}250 CHUNKING\r\n`;
const HELLO_PLAIN = `250-sink\r\n${OFFERED}250 STARTTLS\r\n`;
const HELLO_TLS = `250-sink\r\n${OFFERED}250 AUTH PLAIN LOGIN\r\n`;
const END = Buffer.from('\r\n.\r\n');
const LF = 0x0a;

/** Takes one connection, and what comes over it once TLS is on. */
function take(socket, secured, counts) {
  let rest = Buffer.alloc(0);
  let data = false;
  let chunk = 0;
  let login = 0;
  let waiting = 0;

  function say(replies) {
    if (replies === '') return;
    if (delayMs === 0) {
      socket.write(replies, 'latin1');
      return;
    }
    waiting++;
    setTimeout(() => {
      waiting--;
      socket.write(replies, 'latin1');
    }, delayMs);
  }

  if (!secured) say('220 sink ESMTP\r\n');
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    // A turn: the client has heard everything, and speaks.
    if (waiting === 0) counts.turns++;
    // Of a message only its last octets are kept: its end may lie across two pieces.
    if (data && rest.length > 4) rest = rest.subarray(-4);
    if (data && rest.length > 0 && bytes.length > 4) {
      const border = Buffer.concat([rest, bytes.subarray(0, 4)]);
      rest = border.includes(END) ? Buffer.concat([rest, bytes]) : bytes;
    } else rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    let replies = '';
    while (at < rest.length) {
      if (chunk > 0) {
        const part = Math.min(chunk, rest.length - at);
        chunk -= part;
        at += part;
        if (chunk > 0) break;
        replies += '250 ok\r\n';
        counts.messages++;
        continue;
      }
      if (data) {
        const end = rest.indexOf(END, Math.max(0, at - 2));
        if (end === -1) {
          at = Math.max(at, rest.length - 4);
          break;
        }
        at = end + END.length;
        data = false;
        counts.messages++;
        replies += '250 2.0.0 taken\r\n';
        continue;
      }
      const end = rest.indexOf(LF, at);
      if (end === -1) break;
      const verb = rest.latin1Slice(at, at + 4).toUpperCase();
      const line = verb === 'BDAT' || verb === 'AUTH' ? rest.latin1Slice(at, end) : '';
      at = end + 1;
      if (login > 0) {
        login--;
        replies += login > 0 ? '334 UGFzc3dvcmQ6\r\n' : '235 2.7.0 welcome\r\n';
      } else if (verb === 'EHLO' || verb === 'HELO') {
        replies += secured ? HELLO_TLS : secureContext ? HELLO_PLAIN : HELLO;
      } else if (verb === 'DATA') {
        data = true;
        // What ends an empty message stands at its very beginning.
        at -= 2;
        rest = Buffer.concat([Buffer.from('\r\n'), rest.subarray(end + 1)]);
        at = 0;
        replies += '354 go on\r\n';
      } else if (verb === 'BDAT') {
        chunk = Number(/^BDAT (\d+)/i.exec(line)?.[1]);
      } else if (verb === 'AUTH') {
        login = /^AUTH LOGIN\s*$/i.test(line) ? 2 : /^AUTH PLAIN\s*$/i.test(line) ? 1 : 0;
        replies += ['235 2.7.0 welcome\r\n', '334 \r\n', '334 VXNlcm5hbWU6\r\n'][login];
      } else if (verb === 'STAR') {
        socket.write('220 go on\r\n');
        socket.removeAllListeners('data');
        take(new TLSSocket(socket, { isServer: true, secureContext }), true, counts);
        return;
      } else if (verb === 'QUIT') {
        say(`${replies}221 bye\r\n`);
        setTimeout(() => socket.end(), delayMs);
        return;
      } else replies += '250 ok\r\n';
    }
    rest = rest.subarray(at);
    say(replies);
  });
}

const server = createServer({ noDelay: true }, (socket) => {
  const counts = { turns: 0, messages: 0 };
  socket.on('close', () => process.stdout.write(`${JSON.stringify(counts)}\n`));
  take(socket, false, counts);
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
);
