from datetime import date, datetime, timedelta

TODAY = date.today()
YESTERDAY = TODAY - timedelta(days=1)
STAMP = datetime.now().strftime("%Y%m%d")
