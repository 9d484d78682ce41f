"""Reads one message from stdin with the email package and prints what it understood, as JSON."""
import hashlib
import json
import sys
from email import message_from_bytes, policy

message = message_from_bytes(sys.stdin.buffer.read(), policy=policy.default)
parts = []
defects = [repr(each) for each in message.defects]
for part in message.walk():
    defects += [repr(each) for each in part.defects]
    for value in part.values():
        defects += [repr(each) for each in getattr(value, "defects", ())]
    if part.is_multipart():
        continue
    content = part.get_payload(decode=True)
    is_text = part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
    parts.append({
        "type": part.get_content_type(),
        "charset": part.get_content_charset(),
        "disposition": part.get_content_disposition(),
        "filename": part.get_filename(),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "text": part.get_content() if is_text else None,
    })
json.dump({
    "headers": [{"name": name, "value": str(value)} for name, value in message.items()],
    "parts": parts,
    "defects": defects,
}, sys.stdout)
