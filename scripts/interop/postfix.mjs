// A Postfix of our own: its configuration, queue and log are all under one directory.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOUNTS, CROWD, DEFERRED, DOMAIN, IDN_ALABEL, IDN_DOMAIN } from './accounts.mjs';
import { readPid, runToBackground } from './daemon.mjs';

/** What makes each listener different. The options are those of smtpd in master.cf. */
export function listeners(certificates) {
  const login = {
    smtpd_sasl_auth_enable: 'yes',
    smtpd_client_restrictions: 'permit_sasl_authenticated,reject',
  };
  const starttls = { ...login, smtpd_tls_security_level: 'encrypt', smtpd_tls_auth_only: 'yes' };
  const certificate = ({ cert, key }) => ({ smtpd_tls_chain_files: `${key},${cert}` });
  return {
    starttls,
    implicit: { ...login, smtpd_tls_wrappermode: 'yes', smtpd_tls_security_level: 'encrypt' },
    plain: { smtpd_tls_security_level: 'none' },
    cleartextAuth: { ...login, smtpd_tls_security_level: 'none' },
    cramOnly: { ...starttls, smtpd_sasl_mechanism_filter: 'cram-md5' },
    small: { smtpd_tls_security_level: 'none', message_size_limit: '200000' },
    // SIZE is not announced, so that the limit is only met while the message goes out.
    smallSilent: {
      smtpd_tls_security_level: 'none',
      message_size_limit: '200000',
      smtpd_discard_ehlo_keywords: 'size',
    },
    sevenBit: { smtpd_tls_security_level: 'none', smtpd_discard_ehlo_keywords: '8bitmime,smtputf8' },
    bare: {
      smtpd_tls_security_level: 'none',
      smtpd_discard_ehlo_keywords:
        '8bitmime,smtputf8,pipelining,size,dsn,chunking,enhancedstatuscodes,etrn,vrfy',
    },
    untrusted: { ...starttls, ...certificate(certificates.untrusted) },
    wrongName: { ...starttls, ...certificate(certificates.wrongName) },
    untrustedImplicit: {
      ...login,
      smtpd_tls_wrappermode: 'yes',
      smtpd_tls_security_level: 'encrypt',
      ...certificate(certificates.untrusted),
    },
  };
}

const MASTER = `
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
`;

function masterFile(ports, certificates) {
  const services = Object.entries(listeners(certificates)).map(([name, options]) => {
    const lines = Object.entries(options).map(([key, value]) => `  -o { ${key} = ${value} }`);
    return [
      `127.0.0.1:${ports[name]} inet n - n - - smtpd`,
      `  -o syslog_name=postfix/${name}`,
      ...lines,
    ].join('\n');
  });
  return `${services.join('\n')}${MASTER}`;
}

/** Starts it; Postfix itself returns when its master listens. `uid`, `gid` own the mail. */
export function startPostfix({ directory, mail, uid, gid, ports, authSocket, certificates }) {
  const config = join(directory, 'etc');
  const queue = join(directory, 'queue');
  const data = join(directory, 'data');
  for (const each of [config, queue, data]) mkdirSync(each, { recursive: true });
  const postfixUid = Number(execFileSync('id', ['-u', 'postfix'], { encoding: 'utf8' }));
  chownSync(data, postfixUid, Number(execFileSync('id', ['-g', 'postfix'], { encoding: 'utf8' })));

  const addresses = ACCOUNTS.flatMap(({ user, mailbox }) =>
    [...new Set([user, mailbox])].flatMap((local) =>
      [DOMAIN, IDN_DOMAIN, IDN_ALABEL].map((domain) => `${local}@${domain} ${mailbox}/Maildir/`),
    ),
  );
  for (const address of CROWD.addresses) addresses.push(`${address} ${CROWD.mailbox}/Maildir/`);
  writeFileSync(join(config, 'mailboxes'), `${addresses.join('\n')}\n`);
  writeFileSync(join(config, 'recipients'), `${DEFERRED} 450 4.2.1 mailbox is busy, try again later\n`);

  const settings = {
    compatibility_level: '3.6',
    queue_directory: queue,
    data_directory: data,
    maillog_file: join(directory, 'log'),
    maillog_file_prefixes: directory,
    myhostname: 'mx.mail.test',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    inet_protocols: 'ipv4',
    inet_interfaces: '127.0.0.1',
    alias_maps: '',
    alias_database: '',
    local_recipient_maps: '',
    // The servers talk to nobody: what is not theirs is refused, and never leaves the machine.
    default_transport: 'error:this server delivers only to its own mailboxes',
    relay_transport: 'error:this server delivers only to its own mailboxes',
    virtual_mailbox_domains: `${DOMAIN}, ${IDN_DOMAIN}, ${IDN_ALABEL}`,
    virtual_mailbox_base: mail,
    virtual_mailbox_maps: `texthash:${join(config, 'mailboxes')}`,
    virtual_minimum_uid: '1',
    virtual_uid_maps: `static:${uid}`,
    virtual_gid_maps: `static:${gid}`,
    virtual_mailbox_limit: '0',
    mailbox_size_limit: '0',
    message_size_limit: '0',
    smtpd_recipient_restrictions: `check_recipient_access texthash:${join(config, 'recipients')}, reject_unauth_destination`,
    smtpd_relay_restrictions: 'reject_unauth_destination',
    smtpd_sasl_type: 'dovecot',
    smtpd_sasl_path: authSocket,
    smtpd_sasl_security_options: 'noanonymous',
    smtpd_tls_chain_files: `${certificates.server.key},${certificates.server.cert}`,
    smtpd_tls_CAfile: certificates.ca,
    smtpd_tls_ask_ccert: 'yes',
    smtpd_tls_received_header: 'yes',
    smtpd_tls_loglevel: '1',
    smtputf8_enable: 'yes',
    // By default it removes Bcc, and would hide a client that leaves it in.
    message_drop_headers: 'return-path',
    disable_vrfy_command: 'no',
    // Tests err on purpose; nobody is to be slowed down or shut out for it.
    smtpd_error_sleep_time: '0',
    smtpd_hard_error_limit: '1000',
    smtpd_soft_error_limit: '1000',
    smtpd_client_connection_count_limit: '0',
    smtpd_client_auth_rate_limit: '0',
    smtpd_timeout: '300s',
    notify_classes: '',
    in_flow_delay: '0',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(join(config, 'main.cf'), `${lines.join('\n')}\n`);
  writeFileSync(join(config, 'master.cf'), masterFile(ports, certificates));
  runToBackground('postfix', ['-c', config, 'start'], join(directory, 'start.log'));
}

/** The process id of the running master, or undefined. */
export const postfixPid = (directory) => readPid(join(directory, 'queue', 'pid', 'master.pid'));
