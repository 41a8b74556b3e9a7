import smtplib

import thing

MAIL = "Subject: Orders\nTo: ann@example.org\n\n12 orders.\n"

with smtplib.SMTP("localhost") as server:
    server.sendmail("me@example.org", ["ann@example.org"], MAIL)
print("orders by thing", thing.__version__)
