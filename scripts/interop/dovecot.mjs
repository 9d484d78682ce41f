// A Dovecot of our own: POP3, LMTP, and the SASL service that Postfix asks. Everything is under one directory.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOUNTS } from './accounts.mjs';
import { readPid, runToBackground } from './daemon.mjs';

/** Every mechanism that this build may have, strongest last. */
export const MECHANISMS = [
  'plain',
  'login',
  'cram-md5',
  'digest-md5',
  'apop',
  'scram-sha-1',
  'scram-sha-256',
  'external',
  'anonymous',
];

function configuration({ directory, mail, ports, certificates, mechanisms }) {
  return `
base_dir = ${directory}/run
state_dir = ${directory}/state
instance_name = mailtool-interop
log_path = ${directory}/log
auth_verbose = yes
listen = 127.0.0.1, 127.0.0.2
protocols = pop3 lmtp
default_vsz_limit = 1G
ssl = yes
ssl_cert = <${certificates.server.cert}
ssl_key = <${certificates.server.key}
ssl_min_protocol = TLSv1.2
# Another address of loopback, with a certificate that nobody trusts.
local 127.0.0.2 {
  ssl_cert = <${certificates.untrusted.cert}
  ssl_key = <${certificates.untrusted.key}
}
disable_plaintext_auth = no
auth_mechanisms = ${mechanisms.join(' ')}
auth_username_chars =
auth_username_format = %n
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:${mail}/%n/Maildir
mail_max_userip_connections = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n ${directory}/users
}
userdb {
  driver = passwd-file
  args = username_format=%n ${directory}/users
}
service anvil {
  # No growing delays after wrong passwords: tests try them on purpose.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener auth-postfix {
    mode = 0660
    user = postfix
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${ports.stls}
  }
  inet_listener pop3s {
    port = ${ports.implicit}
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${ports.lmtp}
  }
  unix_listener lmtp {
    mode = 0666
  }
}
protocol pop3 {
  pop3_no_flag_updates = no
  pop3_uidl_format = %08Xu%08Xv
}
`;
}

/** Starts it with as many of MECHANISMS as this build knows; returns those. */
export function startDovecot(options) {
  const { directory, mail, uid, gid } = options;
  for (const each of ['run', 'state']) mkdirSync(join(directory, each), { recursive: true });
  const users = ACCOUNTS.flatMap(({ user, mailbox, password }) =>
    [...new Set([user, mailbox])].map(
      (name) =>
        `${name}:{PLAIN}${password}:${uid}:${gid}::${mail}/${mailbox}::userdb_mail=maildir:${mail}/${mailbox}/Maildir`,
    ),
  );
  writeFileSync(join(directory, 'users'), `${users.join('\n')}\n`);
  const config = join(directory, 'dovecot.conf');
  writeFileSync(config, configuration({ ...options, mechanisms: MECHANISMS }));
  runToBackground('dovecot', ['-c', config], join(directory, 'start.log'));
  return MECHANISMS;
}

/** The process id of the running master, or undefined. */
export const dovecotPid = (directory) => readPid(join(directory, 'run', 'master.pid'));
