#!/bin/bash
# crontab: 0 7 * * 1-5 /home/ann/stock/run.sh >> /home/ann/stock/run.log 2>&1
cd "$(dirname "$0")"
source venv/bin/activate
export WAREHOUSE=north
for item in $(cat items.txt); do
    python stock.py "$item" | tee -a stock.txt
done
echo "$(wc -l < stock.txt) items"
