import csv
import smtplib
from datetime import date
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

SMTP_HOST = "smtp.billing.invalid"

server = smtplib.SMTP(SMTP_HOST, 587)
server.starttls()
server.login("billing@example.org", "an old password")
for customer in csv.DictReader(open("customers.csv")):
    mail = MIMEMultipart()
    mail["From"] = "Billing <billing@example.org>"
    mail["To"] = customer["address"]
    mail["Subject"] = "Your invoice of " + date.today().strftime("%d.%m.%Y")
    mail.attach(MIMEText("Dear %s,\nplease pay %s EUR.\n" % (customer["name"], customer["sum"]), "plain", "utf-8"))
    server.sendmail("billing@example.org", customer["address"], mail.as_string())
server.quit()
print("done")
