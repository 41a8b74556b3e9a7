from setuptools import find_packages, setup

setup(
    name="ships",
    version="2.0",
    packages=find_packages(),
    install_requires=["tabulate>=0.9"],
)
