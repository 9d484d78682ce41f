// Loaded into the command by NODE_OPTIONS: every name is an address of loopback, so that a server of a test can stand for one
// that is elsewhere.
const dns = require('node:dns');
dns.lookup = (_hostname, options, callback) => {
  const found = { address: '127.0.0.1', family: 4 };
  process.nextTick(() => {
    if (options.all === true) callback(null, [found]);
    else callback(null, found.address, found.family);
  });
};
