// Loaded into the command by NODE_OPTIONS: at the end it writes the names of all files that were loaded to LOADED_INTO.
process.on('exit', () => {
  require('node:fs').writeFileSync(process.env.LOADED_INTO, Object.keys(require.cache).join('\n'));
});
