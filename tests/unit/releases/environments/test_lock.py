from __future__ import annotations

from airflow_provider_daybreak.releases.environments.lock import Lock, normalised


def test_two_locks_that_install_the_same_have_the_same_digest():
    one = normalised([("Foo_Bar == 1.0 ;  os_name=='nt'", ["sha256:b", "sha256:a"]), ("abc==2", ["sha256:c"])])
    other = normalised([("abc==2", ["sha256:c"]), ("foo-bar==1.0; os_name=='nt'", ["sha256:a", "sha256:b"])])

    assert one.sha256 == other.sha256
    assert one.text == "abc==2 --hash=sha256:c\nfoo-bar==1.0 ; os_name=='nt' --hash=sha256:a --hash=sha256:b\n"


def test_what_moved_is_told_by_package():
    before, after = Lock("a==1\nb==1\nc==1\n"), Lock("a==1\nb==2\nd==1\n")

    assert after.moves_from(before) == ["b 1 → 2", "c 1 → (gone)", "d (new) → 1"]
