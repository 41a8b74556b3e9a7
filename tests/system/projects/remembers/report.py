"""Reports what is new since its last run, and remembers how far it came in a file beside itself."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = os.path.join(HERE, "last_id.txt")

last = int(open(MEMORY).read()) if os.path.exists(MEMORY) else 0
orders = [number for number in range(1, 100) if last < number <= last + 3]
with open(MEMORY, "w") as memory:
    memory.write(str(orders[-1]))
print(f"orders {orders[0]} to {orders[-1]}")
