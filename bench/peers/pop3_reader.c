/* The least a receiver can do: log in, ask for every message with a window of commands under way, find each end, drop it all.
 *
 *   pop3_reader PORT USER PASSWORD (RETR|TOP) WINDOW
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[256 * 1024];
static size_t at, filled;
static int fd;

static void fail(const char *why) {
  perror(why);
  exit(1);
}

static void fill(void) {
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got <= 0) fail("read");
  at = 0;
  filled = (size_t)got;
}

static void say(const char *line, size_t length) {
  while (length > 0) {
    ssize_t put = write(fd, line, length);
    if (put <= 0) fail("write");
    line += put;
    length -= (size_t)put;
  }
}

/* Reads a status line; gives the number behind +OK. */
static long status(void) {
  char line[1024];
  size_t length = 0;
  for (;;) {
    if (at == filled) fill();
    char octet = buffer[at++];
    if (octet == '\n') break;
    if (length < sizeof line - 1) line[length++] = octet;
  }
  line[length] = 0;
  if (strncmp(line, "+OK", 3) != 0) {
    fprintf(stderr, "%s\n", line);
    exit(1);
  }
  return strtol(line + 3, NULL, 10);
}

/* Passes over a multi-line answer: `matched` octets of CR LF . CR LF were the last ones. */
static void block(void) {
  static const char end[] = "\r\n.\r\n";
  int matched = 2;
  for (;;) {
    if (at == filled) fill();
    if (matched == 0) {
      char *found = memchr(buffer + at, '\r', filled - at);
      if (found == NULL) {
        at = filled;
        continue;
      }
      at = (size_t)(found - buffer) + 1;
      matched = 1;
      continue;
    }
    char octet = buffer[at++];
    if (octet == end[matched]) {
      if (++matched == 5) return;
    } else
      matched = octet == '\r';
  }
}

int main(int count, char **words) {
  if (count != 6) return 64;
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1]))};
  inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&there, sizeof there) != 0) fail("connect");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char line[1024];
  status();
  say(line, (size_t)snprintf(line, sizeof line, "USER %s\r\n", words[2]));
  status();
  say(line, (size_t)snprintf(line, sizeof line, "PASS %s\r\n", words[3]));
  status();
  say("STAT\r\n", 6);
  long messages = status(), asked = 0, window = atol(words[5]);
  int top = strcmp(words[4], "TOP") == 0;
  static char group[64 * 1024];
  for (long read_ = 0; read_ < messages; read_++) {
    if (asked - read_ <= window / 2) {
      size_t length = 0;
      while (asked < messages && asked - read_ < window && length < sizeof group - 64)
        length += (size_t)sprintf(group + length, top ? "TOP %ld 0\r\n" : "RETR %ld\r\n", ++asked);
      say(group, length);
    }
    status();
    block();
  }
  say("QUIT\r\n", 6);
  status();
  return 0;
}
