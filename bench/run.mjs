// npm run bench -- [scenario ...]: every scenario, or those named. Ratios within one run; peers take part where installed.
const SCENARIOS = ['startup', 'one', 'onetls', 'many', 'latency', 'big', 'memory', 'pop3', 'pop3-list'];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !SCENARIOS.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown scenario: ${unknown.join(', ')}; there are ${SCENARIOS.join(', ')}\n`);
  process.exitCode = 64;
} else {
  for (const name of asked.length > 0 ? asked : SCENARIOS) {
    const { run } = await import(`./${name}.mjs`);
    await run();
  }
}
