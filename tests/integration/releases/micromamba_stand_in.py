"""
Stands in for micromamba, which no machine of ours can fetch: the few calls of it that a deploy makes, over a folder of archives.

``CONDA_STAND_IN_CHANNEL`` names the folder ``linux-64`` with archives of packages, each called ``name-version-build.tar.bz2``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

CHANNEL = Path(os.environ["CONDA_STAND_IN_CHANNEL"])


def main(arguments):
    if arguments[:2] == ["env", "list"]:
        print(json.dumps({"envs": sorted(map(str, (CHANNEL.parent / "envs").glob("*")))}))
        return
    assert arguments[:3] == ["create", "--yes", "--quiet"], arguments
    prefix, file = Path(arguments[4]), Path(arguments[6])
    text = file.read_text()
    wanted = explicit(text) if text.startswith("@EXPLICIT") else solved(json.loads(text))
    for archive, digest in sorted(wanted, key=lambda one: not one[0].name.startswith("python-")):
        if digest and hashlib.md5(archive.read_bytes()).hexdigest() != digest:
            sys.exit(f"critical libmamba Hash mismatch of https://robot:canary@channel.example/{archive.name}")
        install(archive, prefix)


def explicit(text):
    for line in text.splitlines()[1:]:
        url, _, digest = line.partition("#")
        yield Path(url.removeprefix("file://")), digest


def solved(asked):
    for spec in asked["dependencies"]:
        name, _, version = spec.partition("=")
        found = [
            path
            for path in CHANNEL.glob("*.tar.bz2")
            if re.fullmatch(rf"{re.escape(name)}-{re.escape(version)}[^-]*-[^-]+", path.name[:-8])
        ]
        if not found:
            sys.exit(f"error    libmamba Could not solve for environment specs: {spec} does not exist")
        yield max(found), ""


def install(archive, prefix):
    if archive.name.startswith("python-"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    site = next((prefix / "lib").glob("python*/site-packages"))
    paths = []
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            data = files.extractfile(member).read()
            (site / member.name).parent.mkdir(parents=True, exist_ok=True)
            (site / member.name).write_bytes(data)
            path = str((site / member.name).relative_to(prefix))
            paths.append({"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest()})
    data = archive.read_bytes()
    facts = {
        "name": archive.name.rsplit("-", 2)[0],
        "url": archive.as_uri(),
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "paths_data": {"paths": paths},
    }
    (prefix / "conda-meta").mkdir(exist_ok=True)
    (prefix / "conda-meta" / f"{archive.name[:-8]}.json").write_text(json.dumps(facts))


main(sys.argv[1:])
