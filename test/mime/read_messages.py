"""Reads messages (a JSON list of base64) from stdin with the email package as it is today; prints what each says as JSON."""
import base64
import hashlib
import json
import sys
from email import message_from_bytes, policy

sys.setrecursionlimit(3000)


def addresses(message, name, defects):
    found = []
    for field in message.get_all(name, []):
        defects.extend(type(defect).__name__ for defect in field.defects)
        found.extend([address.display_name, address.addr_spec] for address in field.addresses)
    return found


def leaves(part, defects):
    defects.extend(type(defect).__name__ for defect in part.defects)
    for name in ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding"):
        if part[name] is not None:
            defects.extend(type(defect).__name__ for defect in part[name].defects)
    if part.is_multipart():
        return [leaf for child in part.iter_parts() if part.get_content_maintype() == "multipart" for leaf in leaves(child, defects)] or [
            leaf for child in part.get_payload() if part.get_content_maintype() != "multipart" for leaf in leaves(child, defects)
        ]
    octets = part.get_payload(decode=True)
    defects.extend(type(defect).__name__ for defect in part.defects)
    return [[part.get_content_type(), part.get_filename(), hashlib.sha256(octets).hexdigest()]]


def body(message, kind):
    part = message.get_body((kind,))
    return None if part is None else part.get_content()


def read(octets):
    defects = []
    try:
        message = message_from_bytes(octets, policy=policy.default)
        subject = message["Subject"]
        if subject is not None:
            defects.extend(type(defect).__name__ for defect in subject.defects)
        said = {
            "subject": None if subject is None else str(subject),
            **{name: addresses(message, name, defects) for name in ("from", "to", "cc")},
            "leaves": leaves(message, defects),
            "plain": body(message, "plain"),
            "html": body(message, "html"),
        }
        return {"defects": sorted(set(defects)), "said": said}
    except Exception as error:  # whatever it is, it is told
        return {"defects": [type(error).__name__], "said": None}


answers = json.dumps([read(base64.b64decode(each)) for each in json.load(sys.stdin)])
sys.stdout.buffer.write(answers.encode("ascii"))
