"""Mail how far the year has come."""

import os
import smtplib
from datetime import date
from email.message import EmailMessage

SERVER = os.environ.get("SMTP_SERVER", "smtp.example.org")
PORT = int(os.environ.get("SMTP_PORT", "587"))
SENDER = os.environ.get("EMAIL_SENDER", "reports@example.org")
PASSWORD = os.environ.get("EMAIL_PASSWORD", "")
RECEIVER = os.environ.get("EMAIL_RECEIVER", "you@example.org")

today = date.today()  # noqa: DTZ011 - as scripts have it
day = today.timetuple().tm_yday
days = date(today.year, 12, 31).timetuple().tm_yday

message = EmailMessage()
message["Subject"] = f"{today:%d %B %Y}: day {day} of {days}"
message["From"] = SENDER
message["To"] = RECEIVER
message.set_content(f"{days - day} days of {today.year} are left. It is week {today.isocalendar()[1]}.\n")
message.add_alternative(f"<p><b>{days - day} days</b> of {today.year} are left.</p>", subtype="html")

with smtplib.SMTP(SERVER, PORT) as server:
    server.starttls()
    server.login(SENDER, PASSWORD)
    server.send_message(message)
print("mailed", message["Subject"])
