import smtplib
from email.message import EmailMessage

print("building the report ...")
mail = EmailMessage()
mail["Subject"] = "Daily report"
mail["From"] = "reports@example.org"
mail["To"] = "ann@example.org"
mail.set_content("All is well.")
try:
    with smtplib.SMTP_SSL("smtp.example.invalid", 465, timeout=10) as server:
        server.login("reports@example.org", "an old password")
        server.send_message(mail)
    print("mail sent")
except Exception as e:
    print("could not send:", e)
