"""Several indexes: each package from its own, with the credentials of that one alone."""

from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, LockingError
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.uv import Index
from tests.integration.releases.package_index import PackageIndex, sdist
from tests.integration.releases.test_requirements import PROJECT, SETUP, uv_lock

SAYS = "import thing, other; print(thing.__version__, other.__version__)\n"
EXPLICIT = """\
[tool.uv.sources]
thing = {{ index = "company" }}
[[tool.uv.index]]
name = "company"
url = "{}"
explicit = true
"""
BOTH = PROJECT.replace('"thing"', '"thing", "other"')


@pytest.fixture
def company(index):
    """A private index beside the public one, which has newer versions of the same names."""
    for name in ("thing", "other"):
        index.add(name, "9.0")
    with PackageIndex("robot:canary") as running:
        running.add("thing", "2.0+cpu")
        running.add("other", "1.0")
        yield running


def offered(company):
    return (Index(company.url, "robot", "canary"),)


def metadata(text):
    return "# /// script\n" + "".join(f"# {line}\n" for line in text.splitlines()) + "# ///\n"


@pytest.mark.parametrize("way", ["pyproject.toml", "report.py", "Pipfile", "poetry"])
def test_a_package_is_from_the_index_that_is_said_for_it_and_the_others_are_not(
    company, source, deployed, printed, way
):
    files = {
        "pyproject.toml": {"pyproject.toml": BOTH + EXPLICIT.format(company.url)},
        "report.py": {},
        "Pipfile": {"Pipfile": f"[[source]]\nname = 'pypi'\nurl = 'https://pypi.org/simple'\n[[source]]\nname = 'company'\n"
                    f"url = '{company.url}'\n[packages]\nother = '*'\nthing = {{version = '*', index = 'company'}}\n"},
        "poetry": {"pyproject.toml": "[tool.poetry.dependencies]\nother = '*'\nthing = { version = '*', source = 'company' }\n"
                   f"[[tool.poetry.source]]\nname = 'company'\nurl = '{company.url}'\npriority = 'explicit'\n"},
    }[way]  # fmt: skip
    own = (
        metadata("dependencies = ['thing', 'other']\n" + EXPLICIT.format(company.url))
        if way == "report.py"
        else ""
    )

    release = deployed(source(files, script=own + SAYS), more_indexes=offered(company)).release

    assert printed(release) == "2.0+cpu 9.0"
    lock = (release.path / LOCK_NAME).read_text().splitlines()
    assert [f"# from {company.url}" in line for line in lock] == [False, True]
    assert "canary" not in json.dumps(release.manifest) + "".join(lock)


def test_an_index_beside_the_default_is_asked_first_and_alone_for_what_it_has(
    company, source, deployed, printed
):
    folder = source({"requirements.txt": f"--extra-index-url {company.url}\nthing\nother\n"}, script=SAYS)

    assert printed(deployed(folder, more_indexes=offered(company)).release) == "2.0+cpu 1.0"


def test_another_strategy_takes_the_best_of_all(company, source, deployed, printed):
    folder = source({"requirements.txt": f"--extra-index-url {company.url}\nthing\nother\n"}, script=SAYS)

    release = deployed(folder, more_indexes=offered(company), index_strategy="unsafe-best-match").release

    assert printed(release) == "9.0 9.0"


def test_what_the_first_index_lacks_is_told_with_the_setting(company, source, deployed):
    folder = source({"requirements.txt": f"--extra-index-url {company.url}\nother==9.0\n"})

    with pytest.raises(LockingError, match=r"VenvDeployOperator\(index_strategy='unsafe-best-match'\)"):
        deployed(folder, more_indexes=offered(company))


def test_a_package_of_the_same_name_and_version_elsewhere_is_never_taken(
    company, index, source, deployed, printed
):
    company.add("thing", "3.0", "__version__ = 'private'\n")
    index.add("thing", "3.0", "__version__ = 'public'\n")
    index.add("other", "1.0", "__version__ = 'public'\n")
    company.add("other", "1.0", "__version__ = 'private'\n")
    project = BOTH.replace('"other"', '"other==1.0"') + EXPLICIT.format(company.url)

    release = deployed(source({"pyproject.toml": project}, script=SAYS), more_indexes=offered(company)).release

    assert printed(release) == "private public"


def test_hashes_find_their_packages_on_any_index(company, index, source, deployed, printed):
    lines = [
        f"thing==2.0+cpu --hash={company.add('thing', '2.0+cpu')}",
        f"other==9.0 --hash={index.add('other', '9.0')}",
    ]
    folder = source({"requirements.txt": "\n".join([f"--extra-index-url {company.url}", *lines])}, script=SAYS)

    assert printed(deployed(folder, more_indexes=offered(company)).release) == "2.0+cpu 9.0"


def test_a_uv_lock_of_two_indexes_is_taken_as_it_is(index, source, deployed, printed):
    index.add("other", "9.0")
    index.add("thing", "9.0")
    with PackageIndex() as company:
        company.add("thing", "2.0")
        folder = source({"pyproject.toml": BOTH + EXPLICIT.format(company.url)}, script=SAYS)
        uv_lock(folder, index)
        company.add("thing", "3.0")

        release = deployed(folder).release

    assert printed(release) == "2.0 9.0"
    assert f"# from {company.url}" in (release.path / LOCK_NAME).read_text()


def test_a_pylock_of_two_indexes_is_taken_as_it_is(company, index, source, deployed, printed):
    package = '[[packages]]\nname = "{}"\nversion = "{}"\nindex = "{}"\nwheels = [{{ hashes = {{ sha256 = "{}" }} }}]\n'
    digests = {
        name: one.add(name, v).partition(":")[2]
        for one, name, v in ((company, "thing", "2.0"), (index, "other", "9.0"))
    }
    lock = 'lock-version = "1.0"\n' + package.format("other", "9.0", index.url, digests["other"])
    lock += package.format("thing", "2.0", company.url, digests["thing"])

    release = deployed(source({"pylock.toml": lock}, script=SAYS), more_indexes=offered(company)).release

    assert printed(release) == "2.0 9.0"


def test_connections_are_matched_by_address_and_their_credentials_stay_secret(
    company, index, source, make_context, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    for name, one, login in (
        ("public", index, {}),
        ("company", company, {"login": "robot", "password": "canary"}),
    ):
        monkeypatch.setenv(
            f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "package-index", "host": one.url, **login})
        )
    folder = source({"pyproject.toml": BOTH + EXPLICIT.format(company.url)}, script=SAYS)
    caplog.set_level("DEBUG")

    deploy = VenvDeployOperator(
        task_id="deploy", name="daily", source=folder, index_conn_id=["public", "company"]
    )
    info = deploy.execute(make_context())

    manifest = json.loads(
        (tmp_path / "releases/daily/releases" / info["release"] / "MANIFEST.json").read_text()
    )
    assert manifest["index_conn_id"] == "public"
    assert [(one["url"], one["index_conn_id"]) for one in manifest["indexes"]] == [(company.url, "company")]
    written = [
        path.read_bytes()
        for path in (tmp_path / "releases").rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    assert b"canary" not in b"".join(written)
    assert "canary" not in caplog.text + json.dumps(info)


def test_two_connections_that_the_source_names_neither_of_are_refused(company, source, deployed):
    with pytest.raises(InvalidValueError, match="one connection for the default index"):
        deployed(source({"requirements.txt": "thing\n"}), more_indexes=offered(company))


def test_credentials_of_the_workers_environment_are_for_their_address_alone(
    company, source, deployed, printed, monkeypatch
):
    monkeypatch.setenv("UV_INDEX", f"company={company.url}")
    monkeypatch.setenv("UV_INDEX_COMPANY_USERNAME", "robot")
    monkeypatch.setenv("UV_INDEX_COMPANY_PASSWORD", "canary")
    folder = source({"pyproject.toml": BOTH + EXPLICIT.format(company.url)}, script=SAYS)
    assert printed(deployed(folder).release) == "2.0+cpu 9.0"

    with PackageIndex("robot:canary") as thief:
        source({"pyproject.toml": BOTH + EXPLICIT.format(thief.url)})
        with pytest.raises(LockingError):
            deployed(folder)


def test_an_environment_is_made_anew_from_the_indexes_that_it_was_made_from(company, source, deployed, printed):
    folder = source({"pyproject.toml": BOTH + EXPLICIT.format(company.url)}, script=SAYS)
    release = deployed(folder, more_indexes=offered(company)).release
    remove_tree(release.environment)

    assert printed(deployed(folder, more_indexes=offered(company)).release) == "2.0+cpu 9.0"


def test_one_package_alone_is_built_where_that_is_allowed_for_it(index, source, deployed, tmp_path):
    index.add("other")
    index.add_file(
        "thing-1.0.tar.gz", sdist("thing", "1.0", {"setup.py": SETUP.format(path=str(tmp_path / "ran"))})
    )
    index.add_file(
        "sneaky-1.0.tar.gz", sdist("sneaky", "1.0", {"setup.py": SETUP.format(path=str(tmp_path / "sneaked"))})
    )

    with pytest.raises(LockingError, match=r"sneaky has no wheel.*only_binary=\{'sneaky': False\}"):
        deployed(source({"requirements.txt": "thing\nsneaky\n"}), only_binary={"thing": False})

    assert not (tmp_path / "sneaked").exists()
