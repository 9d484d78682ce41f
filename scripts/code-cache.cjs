// Writes dist/cli/send.cache, main.cache or read.cache: V8's code cache of that file after it has sent a message, or listed,
// fetched and deleted one, or shown one, with servers that say yes to everything. The cache then holds the functions of a usual run, not only the
// outermost ones.
'use strict';

const fs = require('node:fs');
const Module = require('node:module');
const net = require('node:net');
const path = require('node:path');
const vm = require('node:vm');

const name = process.argv[2];
const file = path.join(__dirname, '..', 'dist', 'cli', `${name}.cjs`);
// Read as in bin/mailtool.cjs: the cache is one of the very text that is compiled there.
const script = new vm.Script(fs.readFileSync(file, 'latin1'), { filename: file });
const loaded = new Module(file, module);
script
  .runInThisContext()
  .call(loaded.exports, loaded.exports, Module.createRequire(file), loaded, file, __dirname);

/** A server that answers each line as `answer` says; undefined keeps quiet. */
function serve(greeting, answer) {
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.write(greeting);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n')) {
        const reply = answer(text.slice(0, end), socket);
        text = text.slice(end + 2);
        if (reply !== undefined) socket.write(reply);
      }
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function smtp() {
  let data = false;
  return serve('220 here\r\n', (line, socket) => {
    if (data) {
      data = line !== '.';
      return data ? undefined : '250 2.0.0 taken\r\n';
    }
    if (line.startsWith('EHLO')) return '250-here\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 AUTH PLAIN\r\n';
    if (line.startsWith('AUTH')) return '235 welcome\r\n';
    if (line === 'DATA') data = true;
    if (line === 'QUIT') socket.end('221 bye\r\n');
    return line === 'QUIT' ? undefined : line === 'DATA' ? '354 go on\r\n' : '250 ok\r\n';
  });
}

function pop3() {
  const message = 'From: a@example.org\r\nSubject: hi\r\n\r\nhi\r\n.\r\n';
  const answers = {
    CAPA: '+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n',
    LIST: '+OK\r\n1 40\r\n.\r\n',
    UIDL: '+OK\r\n1 one\r\n.\r\n',
    STAT: '+OK 1 40\r\n',
    TOP: `+OK\r\n${message}`,
    RETR: `+OK\r\n${message}`,
  };
  return serve('+OK here\r\n', (line) => answers[line.split(' ')[0]] ?? '+OK\r\n');
}

async function train() {
  const sender = await smtp();
  const receiver = await pop3();
  const nothing = { isTTY: false, columns: undefined, write: async () => {} };
  const env = {
    MAILTOOL_SMTP_HOST: '127.0.0.1',
    MAILTOOL_SMTP_PORT: String(sender.address().port),
    MAILTOOL_SMTP_USER: 'me@example.org',
    MAILTOOL_SMTP_PASSWORD: 'secret',
    MAILTOOL_POP3_HOST: '127.0.0.1',
    MAILTOOL_POP3_PORT: String(receiver.address().port),
    MAILTOOL_POP3_USER: 'me',
    MAILTOOL_POP3_PASSWORD: 'secret',
  };
  const io = {
    env,
    cwd: path.dirname(file),
    stdin: { isTTY: false, async *read() {} },
    stdout: nothing,
    stderr: { ...nothing, write() {} },
    signal: new AbortController().signal,
    takeSignals() {},
  };
  const runs = {
    send: [['send', '-t', 'b@example.org', '-s', 'hi', '-m', 'hi', '-A', __filename]],
    main: [['list'], ['retr', '1'], ['stat'], ['dele', '1']],
    read: [
      ['show', '1'],
      ['show', '1', '--json'],
    ],
  };
  for (const argv of runs[name]) {
    const exit = await loaded.exports.run(argv, io);
    if (exit !== 0) throw new Error(`mailtool ${argv.join(' ')} gave ${exit} while the code cache was made`);
  }
  fs.writeFileSync(file.replace(/\.cjs$/, '.cache'), script.createCachedData());
}

train().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
