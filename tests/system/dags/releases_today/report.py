from datetime import date, datetime

TODAY = date.today()  # noqa: DTZ011 - as people write it


def say(now=datetime.now()):  # noqa: B008, DTZ005 - as people write it
    print(TODAY, now.strftime("%H:%M"))


say()
