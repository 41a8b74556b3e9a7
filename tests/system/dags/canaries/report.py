"""Print each secret that there is in each form that a program gives it, and do as the argument says."""

import base64
import json
import os
import smtplib
import sys
import urllib.parse
from email.message import EmailMessage
from pathlib import Path

SECRETS = [os.environ[name] for name in ("EMAIL_PASSWORD", "API_TOKEN") if name in os.environ]
SECRETS += [file.read_text() for file in Path("/run/secrets").glob("api_token")]


def forms(secret):
    yield secret
    yield json.dumps(secret)
    yield json.dumps(json.dumps(secret, ensure_ascii=False))
    yield repr(secret)
    yield ascii(secret)
    yield urllib.parse.quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(b"me:" + secret.encode()).decode()


said = [form for secret in SECRETS for form in forms(secret)]
for form in said:
    print("<" + form + ">")
    print("<" + form + ">", file=sys.stderr)
if sys.argv[1] == "mail":
    message = EmailMessage()
    message["From"] = message["To"] = "you@example.org"
    message.set_content("a mail")
    with smtplib.SMTP("mail.does-not-exist.invalid", 587) as server:
        server.starttls()
        server.login("reports@example.org", SECRETS[0])
        server.send_message(message)
print(json.dumps({"all": said, "number": len(said)}))
if sys.argv[1] == "fail":
    raise ValueError(said)
