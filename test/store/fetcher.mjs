// A fetch without a network, to be killed at any instant: `node fetcher.mjs KIND DIRECTORY COUNT`. The server is a number of
// messages and a file of those that were deleted; what is on the disk is all that the next run knows.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Exec,
  Folder,
  Journal,
  keep,
  Lock,
  Maildir,
  Mbox,
  MessageNames,
  numbered,
  stateFiles,
} from '../../dist/lib/index.js';
import { messageText } from './fetcher-messages.mjs';

const [kind, directory, count] = process.argv.slice(2);
const account = { host: 'pop.example.org', port: 995, user: 'alice' };
const names = new MessageNames(account);
const { prefix } = names;
const open = {
  Maildir: () => Maildir.open(join(directory, 'mail'), { prefix }),
  Folder: () => Folder.open(join(directory, 'mail'), { prefix }),
  Mbox: () => Mbox.open(join(directory, 'mail', 'inbox'), { prefix }),
  Exec: () =>
    new Exec(
      [
        'sh',
        '-c',
        `cat > "$0.$$" && mv "$0.$$" "$0-$(sha1sum < "$0.$$" | cut -c1-20)"`,
        join(directory, 'mail', 'm'),
      ],
      {
        directory,
      },
    ),
};

const files = await stateFiles(join(directory, 'state'), account);
const lock = await Lock.acquire(files.lock, { what: 'the account' });
const journal = await Journal.open(files.journal, { account: 'alice@pop.example.org:995' });
if (journal.damaged > 0) throw new Error(`${journal.damaged} damaged lines`);

const deletions = join(directory, 'deleted');
const deleted = new Set(existsSync(deletions) ? readFileSync(deletions, 'utf8').split('\n') : []);
const rows = [];
for (let n = 1; n <= Number(count); n++)
  if (!deleted.has(String(n))) rows.push({ number: n, uniqueId: `id ${n}` });
const listing = numbered(rows);
await journal.observe(listing);
const store = await open[kind]();
process.stdout.write('ready\n');

let marked = listing.filter((row) => ['stored', 'delete-pending'].includes(journal.get(row)?.state));
async function quit() {
  await journal.deletePending(marked);
  appendFileSync(deletions, marked.map(({ number }) => `${number}\n`).join(''));
  await journal.deleted(marked);
  marked = [];
}

async function* incoming() {
  for (const row of listing) {
    if (journal.get(row)?.state !== 'new') continue;
    yield { id: row, row, bytes: pieces(messageText(row.number)) };
    await new Promise((resolve) => setImmediate(resolve)); // a network would take its time
  }
}
async function* pieces(text) {
  for (let at = 0; at < text.length; at += 5_000) yield Buffer.from(text.slice(at, at + 5_000));
}

for await (const { row, outcome } of keep(store, journal, names, incoming())) {
  if (outcome.status === 'failed') throw outcome.error;
  process.stdout.write(`${outcome.status} ${row.number}\n`);
  marked.push(row);
  if (marked.length >= 40) await quit();
}
await quit();
await store.close();
await journal.close();
lock.release();
