import { run } from './command.ts';

// mutt wants a terminal, and gets one.
const PTY = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Runs mutt in `folder` with the muttrc there on the mailbox `file`, and types `keys`. */
export const muttTypes = (folder: string, file: string, keys: string) =>
  run(
    'timeout',
    ['20', 'python3', '-c', PTY, ...'mutt -n -F muttrc -R -f'.split(' '), file, '-e', `push "${keys}"`],
    { cwd: folder, env: { TERM: 'xterm', HOME: folder }, stdin: null },
  );
