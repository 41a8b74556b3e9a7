"""Mail one's day; with a file's name, make that file and dawdle, unless it is there already."""

import os
import smtplib
import sys
import time
from datetime import date
from email.message import EmailMessage
from pathlib import Path

day = date.today()  # noqa: DTZ011 - as scripts have it
message = EmailMessage()
message["Subject"] = f"Sales of {day}"
message["From"] = "reports@example.org"
message["To"] = "you@example.org"
message.set_content(f"{sys.argv[1]} of {day}")
with smtplib.SMTP("mail.does-not-exist.invalid", 587) as server:
    server.starttls()
    server.login("reports@example.org", "a password that nobody knows")
    server.send_message(message)
if sys.argv[2:] and not Path(sys.argv[2]).exists():
    Path(sys.argv[2]).write_text(str(os.getpid()))
    time.sleep(60)
print("mailed")
