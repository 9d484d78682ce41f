"""Receives everything as a Python script does: one file a message, or without a directory the headers, dropped."""
import os
import poplib
import sys

poplib._MAXLINE = 1 << 20
port, user, password, *into = sys.argv[1:]
server = poplib.POP3("127.0.0.1", int(port))
server.user(user)
server.pass_(password)
count, _ = server.stat()
for number in range(1, count + 1):
    if into:
        with open(os.path.join(into[0], str(number)), "wb") as file:
            file.write(b"\r\n".join(server.retr(number)[1]) + b"\r\n")
    else:
        server.top(number, 0)
server.quit()
