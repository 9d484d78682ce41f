# Many small messages over one connection with Python's standard library.
import smtplib
import sys
import time

text = "A small message.\r\n" * 20
message = f"From: a@example.org\r\nTo: b@example.org\r\nSubject: benchmark\r\n\r\n{text}"
started = time.monotonic()
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as client:
    for _ in range(int(sys.argv[2])):
        client.sendmail("a@example.org", ["b@example.org"], message)
print((time.monotonic() - started) * 1000, end="")
