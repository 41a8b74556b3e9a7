import yagmail

yag = yagmail.SMTP("reports@example.org", "an app password")
for person in ["ann@example.org", "bo@example.org", "cy@example.org"]:
    yag.send(person, "Weekly figures", ["Hello,", "see the file.", "figures.csv"])
