// 1,000 small messages over one connection to a server that takes everything. Programs of a library tell the time of the
// sending alone; with the others it is the whole process, which is small.
import { join } from 'node:path';
import { race, report, serve } from './measure.mjs';

export const COUNT = 1_000;
const PEERS = join(import.meta.dirname, 'peers');

/** The contenders, for `count` messages to `port`. */
export function contenders(port, count, hows = ['raw', 'composed', 'bdat']) {
  const node = process.execPath;
  const args = [String(port), String(count)];
  const transfer = [
    `url = "smtp://127.0.0.1:${port}"`,
    'mail-from = "a@example.org"',
    'mail-rcpt = "b@example.org"',
    `upload-file = "${join(PEERS, 'small.eml')}"`,
  ].join('\n');
  return [
    { name: 'nodemailer pool, composed', how: 'composed', peer: 'many_nodemailer.mjs' },
    { name: 'nodemailer pool, raw', how: 'raw', peer: 'many_nodemailer.mjs' },
    { name: 'mailtool, composed', how: 'composed', peer: 'many_mailtool.mjs' },
    { name: 'mailtool, raw', how: 'raw', peer: 'many_mailtool.mjs' },
    { name: 'mailtool, raw, BDAT', how: 'bdat', peer: 'many_mailtool.mjs' },
  ]
    .filter(({ how }) => hows.includes(how))
    .map(({ name, how, peer }) => ({
      name,
      command: node,
      args: [join(PEERS, peer), ...args, how],
      tells: true,
    }))
    .concat([
      {
        name: 'bare node:net, without any check',
        command: node,
        args: [join(PEERS, 'many_bare.mjs'), ...args],
        tells: true,
      },
      {
        name: 'Python smtplib',
        command: 'python3',
        args: [join(PEERS, 'many_smtplib.py'), ...args],
        tells: true,
        needs: 'python3',
      },
      {
        name: 'smtp-source of Postfix',
        command: 'smtp-source',
        args: `-s 1 -d -m ${count} -l 400 -f a@example.org -t b@example.org 127.0.0.1:${port}`.split(' '),
        needs: 'smtp-source',
      },
      {
        name: 'curl, one process',
        command: 'curl',
        args: ['-sS', '-K', '-'],
        input: Array.from({ length: count }, () => transfer).join('\nnext\n'),
        needs: 'curl',
      },
    ]);
}

export async function run() {
  const sink = await serve('sink.mjs');
  try {
    const medians = race(contenders(sink.ready.port, COUNT), 9);
    report(`${COUNT} small messages over one connection`, medians, 'mailtool, raw');
    for (const [ours, theirs, target] of [
      ['mailtool, raw', 'nodemailer pool, raw', 5],
      ['mailtool, composed', 'nodemailer pool, composed', 5],
      ['mailtool, raw, BDAT', 'nodemailer pool, raw', 15],
    ]) {
      const faster = medians.get(theirs) / medians.get(ours);
      process.stdout.write(
        `  ${ours}: ${faster.toFixed(2)} times as fast as ${theirs} (${target}: ${faster >= target ? 'met' : 'MISSED'})\n`,
      );
    }
  } finally {
    sink.stop();
  }
}
