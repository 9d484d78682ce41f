"""Delivers one message by smtplib, its bytes as they are. Takes a JSON object on stdin."""
import base64
import json
import smtplib
import sys

wanted = json.load(sys.stdin)
with smtplib.SMTP(wanted["host"], wanted["port"]) as smtp:
    smtp.ehlo()
    for code, text in (
        smtp.docmd(f"MAIL FROM:<{wanted['sender']}> BODY=8BITMIME"),
        smtp.rcpt(wanted["recipient"]),
        smtp.data(base64.b64decode(wanted["message"])),
    ):
        if code != 250:
            sys.exit(f"{code} {text!r}")
json.dump({}, sys.stdout)
