// What LIST and UIDL alone take: log in, read both to their dots, quit. Nothing is made of them.
import { connect } from 'node:net';

const DOT = Buffer.from('\r\n.\r\n');
const steps = [
  ['USER ann', false],
  ['PASS secret', false],
  ['LIST', true],
  ['UIDL', true],
  ['QUIT', false],
];
const socket = connect({ host: '127.0.0.1', port: Number(process.argv[2]), noDelay: true });
let block = false;
let tail = Buffer.alloc(0);
socket.on('data', (chunk) => {
  tail = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
  if (tail.indexOf(block ? DOT : '\r\n', Math.max(0, tail.length - chunk.length - 5)) === -1) {
    tail = tail.subarray(-5);
    return;
  }
  tail = Buffer.alloc(0);
  const step = steps.shift();
  if (step === undefined) {
    socket.end();
    return;
  }
  block = step[1];
  socket.write(`${step[0]}\r\n`);
});
