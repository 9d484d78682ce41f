import { fetchAccount, NOTHING_FETCHED } from '../fetch/account.ts';
import { defineFetch, type FetchOptionValues } from '../fetch/options.ts';
import type { CommandDefinition } from './command.ts';

export const command: CommandDefinition<FetchOptionValues> = {
  connects: ['pop3'],
  several: true,
  document: NOTHING_FETCHED,
  examples: [
    'mailtool fetch --maildir ~/Mail --delete-after 7d --max-size 10M',
    'mailtool fetch --all-accounts',
    "mailtool fetch --exec 'procmail -d me' --delete --json | jq -c 'select(.status)'",
  ],
  notes: `Only what was not fetched before, by its unique-id; it stays on the server unless --delete or --delete-after. A message
is deleted only when it is on the disk, and so is the line that says so: a run that is killed fetches again rather than
loses. With --json a line for each message and one for the run. Nothing new is no output, and exit 0.

Several accounts (-a work -a home, or --all-accounts) are fetched at once, and no failure of one stops the others. Exit 0: all
are well; 75: trying again can help every one that failed; otherwise the code of the first that it cannot help, 79 before
others. What does not depend on the run may stand in [accounts.NAME.fetch]: maildir = "~/Mail/work", delete-after = "7d".
`,
  define: defineFetch,
  async run(ctx, _, options) {
    if (options.allAccounts !== true && ctx.accounts.length < 2) return fetchAccount(ctx, options);
    const { fetchSeveral } = await import('../fetch/accounts.ts');
    return fetchSeveral(ctx, options);
  },
};
