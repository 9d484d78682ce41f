"""Reads messages (a JSON list of base64) from stdin with the email package; prints the parts of each, decoded, as JSON."""
import base64
import json
import re
import sys
from email import message_from_bytes

CHANGED = ("content-transfer-encoding", "mime-version")


def lines(octets):
    return re.sub(rb"\r\r\n|\r\n|\r", b"\n", octets)


def payload(part):
    octets = part.get_payload(decode=True)
    return None if octets is None else octets.decode("latin1")


def header(part):
    fields = [[name, lines(value.encode("ascii", "surrogateescape")).decode("latin1")] for name, value in part.items()]
    return [field for field in fields if field[0].lower() not in CHANGED]


def read(octets):
    return [
        {
            "type": part.get_content_type(),
            "encoding": part.get("Content-Transfer-Encoding"),
            "header": header(part),
            "parts": len(part.get_payload()) if part.is_multipart() else None,
            "payload": None if part.is_multipart() else payload(part),
            "preamble": part.preamble is not None,
            "epilogue": part.epilogue is not None,
        }
        for part in message_from_bytes(octets).walk()
    ]


json.dump([read(base64.b64decode(each)) for each in json.load(sys.stdin)], sys.stdout)
