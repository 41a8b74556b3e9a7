import configparser
import os

config = configparser.ConfigParser()
config.read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.ini"))
assert config["database"]["password"]
print(config["report"]["title"], "as", config["database"]["user"])
