// What Node itself allows: the same groups written by a program that checks nothing and promises nothing.
import { connect } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
const TEXT = 'A small message.\r\n'.repeat(20);
const BODY = `From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n${TEXT}.\r\n`;
const OPENING = 'MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n';

const started = performance.now();
const socket = connect({ port, host: '127.0.0.1', noDelay: true });
await new Promise((resolve) => {
  const groups = ['EHLO bare\r\n', OPENING];
  for (let left = count; left > 0; left--) groups.push(left > 1 ? BODY + OPENING : BODY);
  const replies = [1, 1, 3, ...Array.from({ length: count - 1 }, () => 4), 1];
  let at = 0;
  let due = replies[0];
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      if (text[3] !== '-') due--;
      text = text.slice(end + 1);
    }
    if (due > 0) return;
    if (at === groups.length) return resolve();
    socket.write(groups[at++]);
    due = replies[at];
  });
});
process.stdout.write(String(performance.now() - started));
socket.destroy();
