# What a script that sends one message with Python's standard library, with STARTTLS and a log-in, looks like.
import smtplib
import ssl
import sys
from email.message import EmailMessage

port, ca, user, password = sys.argv[1:]
message = EmailMessage()
message["From"] = "a@example.org"
message["To"] = "b@example.org"
message["Subject"] = "benchmark"
message.set_content("A small message.\n" * 20)
with smtplib.SMTP("127.0.0.1", int(port)) as client:
    client.starttls(context=ssl.create_default_context(cafile=ca))
    client.login(user, password)
    client.send_message(message)
