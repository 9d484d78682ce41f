// Loaded into the command by NODE_OPTIONS: at the end it writes the names of Node's modules that were loaded to LOADED_INTO.
const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const names = process.moduleLoadList.filter((name) => !before.has(name));
  require('node:fs').writeFileSync(
    process.env.LOADED_INTO,
    names.map((name) => name.replace(/^NativeModule /, '')).join('\n'),
  );
});
