"""
A Python for a host that has none that is new enough: uv is sent there, and installs one beside what else is kept there.

What is said between the two are lines, since a shell is all that there is to read and write them.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.remote import program

if TYPE_CHECKING:
    from collections.abc import Sequence

MIRROR = "UV_PYTHON_INSTALL_MIRROR"
NEED, DONE, FAILED, BEAT = b"need", b"done", b"failed", b"."
"""Lines that the host says: send uv; there is a Python now; why there is none; it goes on."""

_SCRIPT = " ".join(
    (
        # the loader's Python asks the same of its folder once there is one
        "read -r marker; read -r d; read -r digest; read -r size; read -r version; read -r mirror;",
        'printf "\\n%s\\n" "$marker";',
        'fail() { printf "failed\\n%s\\n" "$1"; exit 0; };',
        'case "$d" in "~"|"~/"*) d="$HOME${d#?}";; esac;',
        'umask 077; said=$(mkdir -p "$d/uv" "$d/python" 2>&1) || fail "$said";',
        'case "$(ls -ld "$d")" in d????w*|d???????w*) fail "others than its user may write to $d";; esac;',
        '[ -O "$d" ] || fail "$d belongs to another user";',
        'u="$d/uv/$digest"; if [ ! -x "$u" ]; then p="$u.$$"; trap "rm -f \\"$p\\"" EXIT; echo need;',
        'said=$(head -c "$size" 2>&1 >"$p") || fail "$said";',
        'said=$(printf "%s  %s\\n" "$digest" "$p" | sha256sum -c 2>&1) || fail "uv did not arrive whole: $said";',
        'said=$(chmod 700 "$p" && mv "$p" "$u" 2>&1) || fail "$said"; fi;',
        f'if [ -n "$mirror" ]; then export {MIRROR}="$mirror"; fi;',
        "( while sleep 1; do echo .; done ) & beat=$!;",
        'said=$("$u" python install --no-config --no-progress --no-bin --install-dir "$d/python" "$version" 2>&1); code=$?;',
        'kill $beat; if [ $code = 0 ]; then echo done; else fail "$said"; fi',
    )
)


def command() -> str:
    """Return what the host's login shell is given, whichever that is."""
    return f"exec /bin/sh -c {program.quoted(_SCRIPT)}"


def told(marker: str, folder: str, mirror: str) -> Sequence[str]:
    """
    Return the lines that it reads first.

    :param marker: what it says first, after whatever a login shell has printed.
    :param folder: where everything is kept on the host.
    :param mirror: address that Pythons come from; uv's own, or this worker's, when "".
    """
    uv = program.uv_program()
    version = ".".join(platform.python_version_tuple()[:2])
    return (marker, folder, uv.digest, str(len(uv.data)), version, mirror or os.environ.get(MIRROR, ""))
