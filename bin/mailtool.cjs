#!/usr/bin/env node
// CommonJS in old syntax on purpose: it starts fastest, and it must run on any Node far enough to say
// that this one is too old.
'use strict';

var needed = [20, 12];
var running = process.versions.node.split('.').map(Number);

if (running[0] < needed[0] || (running[0] === needed[0] && running[1] < needed[1])) {
  process.stderr.write(
    'mailtool: error: needs Node.js ' +
      needed.join('.') +
      ' or newer, this is ' +
      process.versions.node +
      '\n',
  );
  process.exitCode = 78;
} else if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  version();
} else {
  start();
}

function version() {
  try {
    require('node:fs').writeSync(1, require('../package.json').version + '\n');
  } catch (error) {
    if (error.code === 'EPIPE') return; // the reader has left, and that is its right
    process.stderr.write('mailtool: error: cannot write to standard output: ' + error.code + '\n');
    process.exitCode = 74;
  }
}

function start() {
  var fs = require('node:fs');
  var path = require('node:path');
  var name = bundle(process.argv);
  var built = path.join(__dirname, '..', 'dist', 'cli', name + '.cjs');
  if (fs.existsSync(built)) {
    load(fs, path, built).main();
    return;
  }
  // A checkout that is not built yet: run the source through tsx when it is installed.
  var tsx;
  try {
    tsx = require.resolve('tsx');
  } catch (_) {
    process.stderr.write('mailtool: error: this checkout is not built\nhint: npm ci && npm run build\n');
    process.exitCode = 78;
    return;
  }
  var command = [
    '--import',
    require('node:url').pathToFileURL(tsx).href,
    path.join(__dirname, '..', 'scripts', 'from-source.mjs'),
  ];
  var run = require('node:child_process').spawnSync(process.execPath, command.concat(process.argv.slice(2)), {
    stdio: 'inherit',
  });
  process.exitCode = run.status === null ? 70 : run.status;
}

/** Which file is enough for a command line; where any word of it may be a command that reads messages, the one with all. */
function bundle(argv) {
  var sends = argv[2] === 'send';
  for (var at = 2; at < argv.length; at++) {
    if (argv[at].indexOf('--confirm') === 0) return 'read'; // it waits for a message to arrive
    if (!sends && (argv[at] === 'show' || argv[at] === 'save' || argv[at] === 'wait')) return 'read';
  }
  return sends ? 'send' : 'main';
}

/**
 * Loads the command with V8's code cache of it; V8 checks that it fits, and does without where it does not. The file is a
 * function of the shape that Node wraps modules in.
 */
function load(fs, path, file) {
  var vm = require('node:vm');
  var cache;
  try {
    cache = fs.readFileSync(file.replace(/cjs$/, 'cache'));
  } catch (_) {
    cache = undefined;
  }
  var Module = module.constructor; // node:module would be loaded for nothing else
  var script = new vm.Script(fs.readFileSync(file, 'latin1'), { filename: file, cachedData: cache });
  var loaded = new Module(file, module);
  loaded.filename = file;
  loaded.paths = module.paths;
  script
    .runInThisContext()
    .call(loaded.exports, loaded.exports, Module.createRequire(file), loaded, file, path.dirname(file));
  return loaded.exports;
}
