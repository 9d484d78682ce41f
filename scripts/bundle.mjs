// How the command becomes one file: for the build, and for the test of what a start runs.
import { build } from 'esbuild';

/** `send` has a file of its own without the other commands, `main` has them all. */
export const BUNDLES = ['send', 'main'];

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

/** Leaves out all commands but one: bin/mailtool.cjs loads that file for nothing else. */
const only = (name) => ({
  name: `only-${name}`,
  setup(build) {
    build.onResolve({ filter: /^\.\/[a-z]+\.ts$/ }, ({ importer, kind, path }) =>
      importer.endsWith('commands/index.ts') && kind === 'dynamic-import' && path !== `./${name}.ts`
        ? { path: 'none', namespace: 'empty' }
        : undefined,
    );
    // It brings POP3 with it: for that bin/mailtool.cjs loads the other file.
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
    // Only the sandbox, or a configuration file, needs these, and they are installed beside us: no use in carrying them twice.
    external: ['smtp-server', 'selfsigned', 'smol-toml'],
    plugins: name === 'main' ? [withoutChildProcess] : [withoutChildProcess, only(name)],
    // Written into the file, the wrapping need not be copied together at every start.
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
    minify,
    legalComments: 'inline',
    logLevel: 'warning',
  });
}
