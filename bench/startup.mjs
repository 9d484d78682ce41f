// How long a command takes that does nothing: most of what a cron job pays.
import { MAILTOOL, race, report } from './measure.mjs';

export function run() {
  const node = process.execPath;
  const medians = race(
    [
      { name: 'node -e 0', command: node, args: ['-e', '0'] },
      { name: 'mailtool --version', command: node, args: [MAILTOOL, '--version'] },
      { name: 'mailtool --help', command: node, args: [MAILTOOL, '--help'] },
      { name: 'mailtool send --help', command: node, args: [MAILTOOL, 'send', '--help'] },
      { name: 'curl --version', command: 'curl', args: ['--version'], needs: 'curl' },
      { name: 'swaks --version', command: 'swaks', args: ['--version'], needs: 'swaks' },
      {
        name: 'node, importing nodemailer',
        command: node,
        args: ['--input-type=module', '-e', "import 'nodemailer'"],
      },
    ],
    21,
  );
  report('start-up', medians, 'node -e 0', { 'mailtool --version': 1.3 });
}
