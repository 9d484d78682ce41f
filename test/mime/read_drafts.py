"""Reads messages (a JSON list of base64) from stdin with the email package; prints what each says, as JSON."""
import base64
import json
import sys
from email import message_from_bytes, policy


def addresses(message, name):
    field = message[name]
    return [] if field is None else [[a.display_name, a.addr_spec] for a in field.addresses]


def body(message, kind):
    part = message.get_body((kind,))
    return None if part is None else part.get_content().replace("\r\n", "\n")


def read(octets):
    message = message_from_bytes(octets, policy=policy.default)
    defects = []
    for part in message.walk():
        defects += [repr(each) for each in part.defects]
        for name, value in part.items():
            defects += [name + ": " + repr(each) for each in getattr(value, "defects", ())]
    return {
        "subject": message["Subject"] and str(message["Subject"]),
        "from": addresses(message, "From"),
        "to": addresses(message, "To"),
        "cc": addresses(message, "Cc"),
        "replyTo": addresses(message, "Reply-To"),
        "bcc": message["Bcc"],
        "date": message["Date"].datetime.timestamp(),
        "text": body(message, "plain"),
        "html": body(message, "html"),
        "attachments": [
            [part.get_filename(), part.get_payload(decode=True).hex()] for part in message.iter_attachments()
        ] if message.is_multipart() else [],
        "defects": defects,
    }


json.dump([read(base64.b64decode(each)) for each in json.load(sys.stdin)], sys.stdout)
