/** The text of a message of the fetcher's server: its size and lines differ from number to number. */
export function messageText(number) {
  const lines = Array.from({ length: (number * 37) % 200 }, (_, n) => `From line ${n} of ${number}\r\n`);
  return `Subject: ${number}\r\n\r\n${lines.join('')}end of ${number}\r\n`;
}
