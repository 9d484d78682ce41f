// The command straight from its source, for a checkout that is not built; bin/mailtool.cjs runs it through tsx.
import { main } from '../src/cli/main.ts';

main();
