import os

from dotenv import load_dotenv

load_dotenv()
print(f"{os.environ['REPORT_TITLE']} for {os.environ['EMAIL_RECEIVER']}")
