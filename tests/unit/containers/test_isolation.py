from __future__ import annotations

import pytest

from airflow_provider_daybreak.containers.isolation import Isolation, user_of


def test_a_container_may_do_little_unless_it_is_asked_for():
    assert Isolation().host_config() == {
        "network_mode": "none",
        "mem_limit": "1g",
        "memswap_limit": "1g",
        "nano_cpus": 1_000_000_000,
        "pids_limit": 256,
        "read_only": True,
        "tmpfs": {"/tmp": "rw,nosuid,nodev,size=256m"},
        "cap_drop": ["ALL"],
        "cap_add": None,
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "init": True,
    }


def test_a_capability_is_given_back_by_name():
    config = Isolation(cap_add=["NET_BIND_SERVICE"]).host_config()

    assert (config["cap_drop"], config["cap_add"]) == (["ALL"], ["NET_BIND_SERVICE"])


@pytest.mark.parametrize(
    ("wanted", "images", "user"),
    [
        (None, "", "1000:1000"),
        (None, "root", "1000:1000"),
        (None, "0:0", "1000:1000"),
        (None, "app", "app"),
        (None, "10001:10001", "10001:10001"),
        ("root", "app", "root"),
        (0, "app", "0"),
    ],
)
def test_nobody_is_root_by_accident(wanted, images, user):
    assert user_of(wanted, {"Config": {"User": images}}) == user
