import logging
import os
import shutil
import sqlite3

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)
logging.basicConfig(filename=os.path.join(HERE, "logs", "report.log"), level=logging.INFO)
os.makedirs("output/charts", exist_ok=True)

db = sqlite3.connect("visits.db")
db.execute("create table if not exists visits (page text, n int)")
db.execute("insert into visits values ('/', 7)")
db.commit()
n = db.execute("select sum(n) from visits").fetchone()[0]

with open("template.html") as f:
    html = f.read().replace("{{n}}", str(n))
with open("template.html", "w") as f:  # over what came with it
    f.write(html)
shutil.move("template.html", "output/report.html")
with open(os.path.join(HERE, "output", "charts", "n.csv"), "w") as f:
    f.write("n\n%d\n" % n)
logging.info("%d visits", n)
print(n, "visits")
