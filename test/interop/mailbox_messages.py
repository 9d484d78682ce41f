"""The messages of a Maildir or an mbox as Python's mailbox reads them. Takes a JSON object on stdin, prints JSON."""
import base64
import json
import mailbox
import sys

wanted = json.load(sys.stdin)
kind = {"maildir": mailbox.Maildir, "mbox": mailbox.mbox}[wanted["kind"]]
box = kind(wanted["path"], create=False)
json.dump([base64.b64encode(box.get_bytes(key)).decode("ascii") for key in box.keys()], sys.stdout)
