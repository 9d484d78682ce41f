// Loaded into the command by NODE_OPTIONS: name lookups fail with the code in LOOKUP_FAILS, with or without a network.
const dns = require('node:dns');
dns.lookup = (hostname, _options, callback) => {
  const code = process.env.LOOKUP_FAILS;
  process.nextTick(
    callback,
    Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, syscall: 'getaddrinfo' }),
  );
};
