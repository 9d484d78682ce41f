// How the command becomes one file: for the build, and for the test of what a start runs.
import { build } from 'esbuild';

/** Commands that read messages whole; what that takes would weigh on every start of the others. */
const READING = ['show', 'save', 'wait'];

/** `send` has a file of its own without the other commands, `main` all but those that read messages, `read` has them all. */
export const BUNDLES = ['send', 'main', 'read'];
const WANTED = {
  send: (command) => command === 'send',
  main: (command) => !READING.includes(command),
};

// commander can start other programs as subcommands; ours does not, and loading what that takes costs a tenth of a start.
const withoutChildProcess = {
  name: 'without-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('node_modules/commander/') ? { path: 'none', namespace: 'empty' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {}' }));
  },
};

/** Leaves out the commands that are not wanted: bin/mailtool.cjs loads another file where one of them may be meant. */
const only = (wanted) => ({
  name: 'only-wanted-commands',
  setup(build) {
    build.onResolve({ filter: /^\.\/[a-z]+\.ts$/ }, ({ importer, kind, path }) =>
      importer.endsWith('commands/index.ts') && kind === 'dynamic-import' && !wanted(path.slice(2, -3))
        ? { path: 'none', namespace: 'empty' }
        : undefined,
    );
    // It waits for a message, and reads it: for that bin/mailtool.cjs loads the file with all commands.
    build.onResolve({ filter: /^\.\.\/send\/confirm\.ts$/ }, () => ({ path: 'none', namespace: 'empty' }));
  },
});

/** Writes the bundle `name` to `outfile`: a function of the shape that Node wraps modules in. */
export async function bundle(name, { outfile, minify }) {
  await build({
    entryPoints: ['src/cli/main.ts'],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.12',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname' },
    // Only the sandbox, a configuration file, or a page for the browser, needs these, and they are installed beside us: no use
    // in carrying them twice.
    external: ['smtp-server', 'selfsigned', 'smol-toml', 'sanitize-html'],
    plugins: name === 'read' ? [withoutChildProcess] : [withoutChildProcess, only(WANTED[name])],
    // Written into the file, the wrapping need not be copied together at every start.
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
    minify,
    legalComments: 'inline',
    logLevel: 'warning',
  });
}
