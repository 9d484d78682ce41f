"""Reads, or empties, a POP3 maildrop with poplib. Takes a JSON object on stdin, prints JSON."""
import base64
import hashlib
import json
import poplib
import ssl
import sys

poplib._MAXLINE = 1 << 24  # its default stops at lines that servers do send

wanted = json.load(sys.stdin)
drop = poplib.POP3_SSL(wanted["host"], wanted["port"], context=ssl.create_default_context(cafile=wanted["ca"]))
drop.encoding = "utf-8"
drop.user(wanted["user"])
drop.pass_(wanted["password"])
marker = wanted.get("marker")
uids = dict(line.decode("ascii").split(" ", 1) for line in drop.uidl()[1])
result = []
for line in drop.list()[1]:
    number, size = line.decode("ascii").split(" ")
    if wanted.get("empty"):
        drop.dele(int(number))
        continue
    if marker and marker.encode() not in b"\n".join(drop.top(int(number), 0)[1]):
        continue
    raw = b"".join(each + b"\r\n" for each in drop.retr(int(number))[1])
    result.append({
        "number": int(number),
        "uid": uids[number],
        "size": int(size),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "raw": base64.b64encode(raw).decode("ascii"),
    })
drop.quit()
json.dump(result, sys.stdout)
