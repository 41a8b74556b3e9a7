"""
Save what the archive and the release store hold as a tar on stdout, or restore it from one on stdin.

What backup.sh and restore.sh run in a container of the stack, where both lie in an object store: "save" or "restore". The tar is as
one of the volumes, so that a stack with volumes is restored into one with an object store, and the other way round.
"""

import os
import shutil
import sys
import tarfile

# What is printed is no part of the tar.
out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

from airflow.sdk import ObjectStoragePath  # noqa: E402 - it may print

STORES = {
    "reports": ObjectStoragePath(os.environ["AIRFLOW__DAYBREAK__ARCHIVE"]),
    "store": ObjectStoragePath(os.environ["AIRFLOW__DAYBREAK__RELEASE_STORE"]),
}


def save() -> None:
    """Write what both hold to stdout."""
    with tarfile.open(fileobj=out, mode="w|gz") as tar:
        for name, store in STORES.items():
            for key, facts in sorted(store.fs.find(store.path, detail=True).items()):
                member = tarfile.TarInfo(f"{name}/{key.removeprefix(store.path).lstrip('/')}")
                member.size, member.mode = facts["size"], 0o660
                member.mtime = int(facts["LastModified"].timestamp())
                with store.fs.open(key, "rb") as file:
                    tar.addfile(member, file)
    out.flush()


def restore() -> None:
    """Put what comes from stdin into both, which have nothing yet."""
    for store in STORES.values():
        bucket = store.path.split("/")[0]
        if not store.fs.exists(bucket):
            store.fs.mkdir(bucket)
        if store.fs.find(store.path):
            sys.exit(
                f"{store} has data. Remove it first, if it is to be replaced: docker compose down --volumes"
            )
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|gz") as tar:
        for member in filter(tarfile.TarInfo.isreg, tar):
            name, _, key = member.name.partition("/")
            store = STORES[name]
            with tar.extractfile(member) as file, store.fs.open(f"{store.path}/{key}", "wb") as target:
                shutil.copyfileobj(file, target)


{"save": save, "restore": restore}[sys.argv[1]]()
