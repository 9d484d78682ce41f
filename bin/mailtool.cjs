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
  process.stdout.write(require('../package.json').version + '\n');
} else {
  start();
}

function start() {
  var fs = require('node:fs');
  var path = require('node:path');
  var built = path.join(__dirname, '..', 'dist', 'cli', 'main.cjs');
  if (fs.existsSync(built)) {
    var nodeModule = require('node:module');
    if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
    require(built).main();
    return;
  }
  // A checkout that is not built yet: run the source through tsx when it is installed.
  try {
    require('tsx/cjs');
  } catch (_) {
    process.stderr.write('mailtool: error: this checkout is not built\nhint: npm ci && npm run build\n');
    process.exitCode = 78;
    return;
  }
  require('../src/cli/main.ts').main();
}
