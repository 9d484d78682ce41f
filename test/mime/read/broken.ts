import { multipart, plain } from './parts.ts';

/** Messages that are wrong, huge or odd, by name. */
const BROKEN: Readonly<Record<string, () => string>> = {
  nothing: () => '',
  'one line end': () => '\r\n',
  'one NUL': () => '\0',
  'only blanks': () => '   \r\n \r\n',
  'header only': () => 'Subject: x\r\nTo: a@example.org',
  'header only, ended': () => 'Subject: x\r\n\r\n',
  'body only': () => '\r\nbody\r\n',
  'a body at once': () => 'Hello, no header here.\r\nAnd more.\r\n',
  'line ends of LF': () => 'Subject: x\n\nbody\nmore\n',
  'line ends of CR': () => 'Subject: x\r\rbody\rmore\r',
  'mixed line ends': () => 'Subject: x\nTo: a@example.org\r\n\nbody\r\nmore\rend\n',
  'a bare CR in a field': () => 'Subject: x\ry\r\n\r\nbody',
  'NUL in a field': () => 'Subject: x\0y\r\n\r\nbody',
  'NUL in the body': () => 'Subject: x\r\n\r\nbo\0dy\0',
  'an mbox line': () => 'From a@b Sat Nov 21 10:00:00 2026\r\nSubject: x\r\n\r\nbody',
  'a line that is no field': () => 'Subject: x\r\nno field\r\nTo: a@example.org\r\n\r\nbody',
  'a continuation first': () => ' x\r\nSubject: x\r\n\r\nbody',
  'fields without names': () => ': x\r\n:\r\nSubject: x\r\n\r\nbody',
  'raw latin1 in the header': () =>
    'Subject: Gr\xf6\xdfe\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xf6\xdfe',
  'no boundary named': () => 'Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\none\r\n--b--\r\n',
  'an empty boundary': () => 'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\none\r\n----\r\n',
  'a wrong boundary': () => 'Content-Type: multipart/mixed; boundary=x\r\n\r\n--b\r\n\r\none\r\n--b--\r\n',
  'no first boundary': () => 'Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n--b--\r\n',
  'no final boundary': () =>
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n',
  'a repeated boundary': () =>
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b\r\n\r\none\r\n--b--\r\n',
  'a prefixed boundary': () =>
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--bc\r\n--b\r\n\r\none\r\n--bc\r\n--b--\r\n',
  'boundaries one in the other': () =>
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${multipart('mixed', 'bb', plain('x'))}--b--\r\n`,
  'equal boundaries': () =>
    multipart('mixed', 'b', multipart('alternative', 'b', plain('x'), plain('y')), plain('z')),
  'a boundary in the text': () => multipart('mixed', 'b', plain('see\r\n --b\r\n--bx\r\n-- b')),
  'a boundary with blanks behind it': () =>
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b \t\r\n\r\none\r\n--b-- \r\n',
  'text around the parts': () =>
    `Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n`,
  'parts behind the end': () => `${multipart('mixed', 'b', plain('x'))}--b\r\n\r\nlate\r\n--b--\r\n`,
  'a long boundary': () => multipart('mixed', 'b'.repeat(300), plain('x')),
  'a boundary in pieces': () =>
    'Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\none\r\n--ab--\r\n',
  'an unknown multipart': () => multipart('x-odd', 'b', plain('x'), plain('y')),
  'an empty multipart': () => 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n',
  'no type': () => 'Content-Type:\r\n\r\nx',
  'half a type': () => 'Content-Type: text\r\n\r\nx',
  'two types': () => 'Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n<p>x</p>',
  'an unknown transfer encoding': () => 'Content-Transfer-Encoding: x-rot13\r\n\r\nuryyb',
  'two transfer encodings': () =>
    'Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSGk=',
  uuencode: () => 'Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#0V%T\r\n`\r\nend\r\n',
  'base64 with junk': () => 'Content-Transfer-Encoding: base64\r\n\r\nS!G\0k=\r\n-- \r\nfooter\r\n',
  'base64 cut short': () => 'Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8gd29ybGQ',
  'base64 in lines of one': () => `Content-Transfer-Encoding: base64\r\n\r\n${[...'SGVsbG8='].join('\r\n')}`,
  'an equals sign that stands for nothing': () =>
    'Content-Transfer-Encoding: quoted-printable\r\n\r\na=b=ZZ=\r\nc= \r\nd=3',
  'an equals sign at the end': () => 'Content-Transfer-Encoding: quoted-printable\r\n\r\nabc=',
  'an encoded multipart': () => `Content-Transfer-Encoding: base64\r\n${multipart('mixed', 'b', plain('x'))}`,
  'ASCII that is none': () => 'Content-Type: text/plain; charset=us-ascii\r\n\r\nGr\xc3\xb6\xc3\x9fe',
  'UTF-8 that is none': () => 'Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xf6\xdfe x',
  'half a UTF-8 text': () => 'Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xb6\xff\xc3',
  'no charset, 8 bit': () => 'Subject: x\r\n\r\nGr\xf6\xdfe',
  'a hostile charset': () => 'Content-Type: text/plain; charset="\x1b]0;x\x07"\r\n\r\nx\xff',
  'a message within': () => 'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner',
  'a message within that is nothing': () => 'Content-Type: message/rfc822\r\n\r\n',
  'an encoded message within': () =>
    `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('Subject: in\r\n\r\ninner').toString('base64')}`,
  'a digest': () => multipart('digest', 'b', '\r\nSubject: 1\r\n\r\none', '\r\nSubject: 2\r\n\r\ntwo'),
  'a report': () =>
    multipart(
      'report',
      'b',
      plain('failed'),
      'Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\n',
      'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner',
    ),
  'a signed one': () =>
    multipart('signed', 'b', plain('x'), 'Content-Type: application/pgp-signature\r\n\r\nsig'),
  'flowed text': () => 'Content-Type: text/plain; format=flowed\r\n\r\none \r\ntwo\r\n',
  'a calendar': () =>
    multipart('alternative', 'b', plain('x'), 'Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR'),
  'file names in pieces': () =>
    multipart(
      'mixed',
      'b',
      plain('x'),
      "Content-Type: application/x\r\nContent-Disposition: attachment; filename*1*=%82%ac; filename*0*=utf-8''%e2; filename*2=.txt\r\n\r\ny",
    ),
  'a file name that leads away': () =>
    'Content-Disposition: attachment; filename="../../x"\r\nContent-Type: application/x\r\n\r\ny',
  'a thousand parameters': () =>
    `Content-Type: text/plain${Array.from({ length: 2_000 }, (_, at) => `; x*${at}=y`).join('')}\r\n\r\nx`,
  'brackets that do not end': () =>
    `To: ${'('.repeat(100_000)}\r\nContent-Type: ${'('.repeat(100_000)}\r\n\r\nx`,
  'quotes that do not end': () =>
    `To: ${'"a'.repeat(50_001)}\r\nContent-Type: text/plain; x="${'\\"'.repeat(50_000)}\r\n\r\nx`,
  'signs that mean an address': () => `To: ${'@'.repeat(100_000)}\r\nCc: ${'a@b '.repeat(50_000)}\r\n\r\nx`,
  'words that do not end': () => `Subject: ${'=?utf-8?q?'.repeat(20_000)}\r\n\r\nx`,
  'more words than are read': () => `Subject: ${'=?utf-8?q?x?= '.repeat(2_000)}\r\n\r\nx`,
  'a huge header': () => `${'X-Filler: 0123456789\r\n'.repeat(60_000)}\r\nx`,
  'a huge field': () => `Subject: ${'x'.repeat(600_000)}\r\n\r\nx`,
  'a huge field in lines': () => `Subject: x\r\n${' y\r\n'.repeat(200_000)}\r\nx`,
  'a line of a megabyte': () => `Subject: x\r\n\r\n${'x'.repeat(1_048_576)}\r\n`,
  'a header that does not end': () => 'X: y\r\n'.repeat(100_000),
  '10,000 levels': () =>
    `${Array.from({ length: 10_000 }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n`).join('')}\r\nx`,
  '10,000 levels of one boundary': () =>
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'.repeat(10_000),
  '10,000 messages one in the other': () => 'Content-Type: message/rfc822\r\n\r\n'.repeat(10_000),
  '10,000 parts': () => multipart('mixed', 'b', ...Array.from({ length: 10_000 }, () => '\r\nx')),
  '20,000 parts': () => multipart('mixed', 'b', ...Array.from({ length: 20_000 }, () => '\r\nx')),
  '100,000 boundaries': () => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(100_000)}`,
  'lines that look like boundaries': () =>
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${'--\r\n--c\r\n'.repeat(50_000)}`,
  'HTML that does not end': () => `Content-Type: text/html\r\n\r\n${'<a href="'.repeat(50_000)}`,
  'HTML of 50,000 levels': () =>
    `Content-Type: text/html\r\n\r\n${'<div><blockquote><table><tr><td>'.repeat(10_000)}x`,
  'links without end': () =>
    `Content-Type: text/plain\r\n\r\n${'https://'.repeat(50_000)} ${'http://x.example/)))) '.repeat(20_000)}`,
};

/** They are put together anew each time: some are large. */
export function broken(): { readonly name: string; readonly octets: Buffer }[] {
  return Object.entries(BROKEN).map(([name, make]) => ({
    name: `broken: ${name}`,
    octets: Buffer.from(make(), 'latin1'),
  }));
}
