import time

from settings import STAMP, TODAY, YESTERDAY


def main(day=TODAY):
    with open(f"report_{STAMP}.txt", "w") as f:
        f.write(f"{YESTERDAY} to {day}\n")
    print("Report of", day, "written on", time.strftime("%A"))


if __name__ == "__main__":
    main()
