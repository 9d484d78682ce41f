"""Verifies every DKIM signature of a message by dkimpy. Takes a JSON object on stdin: the message in base64, and the TXT
records by name. Says for each signature whether it holds, or why it does not."""
import base64
import json
import sys

import dkim

wanted = json.load(sys.stdin)
message = base64.b64decode(wanted["message"])


def record(name, timeout=5):
    text = wanted["records"].get(name.decode().rstrip("."))
    return None if text is None else text.encode()


verdicts = []
for index in range(wanted["signatures"]):
    try:
        verdicts.append(dkim.DKIM(message).verify(idx=index, dnsfunc=record))
    except dkim.DKIMException as error:
        verdicts.append(f"{type(error).__name__}: {error}")
json.dump(verdicts, sys.stdout)
