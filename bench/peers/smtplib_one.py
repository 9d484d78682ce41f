# What a script that sends one message with Python's standard library looks like.
import smtplib
import sys
from email.message import EmailMessage

message = EmailMessage()
message["From"] = "a@example.org"
message["To"] = "b@example.org"
message["Subject"] = "benchmark"
message.set_content("A small message.\n" * 20)
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as client:
    client.send_message(message)
