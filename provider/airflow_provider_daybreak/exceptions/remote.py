"""Errors of a host that is reached over SSH."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.releases import ReleaseError


class RemoteError(ReleaseError):
    """A host that could not be reached, is not as it must be, or lost what it ran."""


class HostUnreachableError(RemoteError):
    """A host that does not answer, or no longer. What runs there goes on, and the next try takes it up."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot reach {self.host} over SSH: {self.problem}. Check that it is up and that host and port of the connection are "
            "right. What runs there already goes on, and the next try takes it up."
        )


class HostKeyUnknownError(RemoteError, permanent=True):
    """A host whose key nobody has said to be its own."""

    host: str
    line: str

    def __str__(self) -> str:
        return (
            f"The key of {self.host} is not known, so that anybody could answer in its place. Compare it with the one that the "
            "host shows (ssh-keyscan there, or its administrator), and add this line to ~/.ssh/known_hosts of the workers' user, or the key "
            f"in it as host_key to the connection's extra:\n{self.line}"
        )


class HostKeyChangedError(RemoteError, permanent=True):
    """A host that shows another key than the one that is known."""

    host: str
    line: str

    def __str__(self) -> str:
        return (
            f"The key of {self.host} is not the one that is known: somebody may answer in its place. Nothing was sent. If the host "
            "was set up anew, compare its key there, and replace what known_hosts or the connection's host_key says of it by:\n"
            f"{self.line}"
        )


class SshLoginError(RemoteError, permanent=True):
    """A host that does not let this user in."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"{self.host} refuses the login: {self.problem}. Check login, and key_file, private_key or password, of the "
            "connection, and that the host's authorized_keys has the key."
        )


class HostUnsuitableError(RemoteError, permanent=True):
    """A host that lacks what is needed to deploy there."""

    host: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"Cannot use {self.host}: {self.problem}. {self.remedy}"


class HostFolderError(RemoteError):
    """A folder of a host that can't be written just now."""

    host: str
    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot write to {self.path!r} on {self.host}: {self.problem}. Make room there or let its user write to it, or name "
            "another folder as daybreak_folder in the connection's extra."
        )


class RemoteRunLostError(RemoteError):
    """What a host ran, and whose end nobody saw: it was restarted, or somebody ended it."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Nobody knows how it ended on {self.host}: what watched it there is gone ({self.problem}), as after the host was "
            "restarted. Nothing of it runs any more; the next try begins anew."
        )


class RemoteRunStoppedError(RemoteError):
    """What was ended on a host because its task was."""

    host: str

    def __str__(self) -> str:
        return f"It was ended on {self.host}, since its task was. The next try begins anew."


class RemoteMailError(RemoteError):
    """A host whose relay did not keep what a script mailed."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"The mail of the script was not kept on {self.host}: {self.problem}. Nothing of it is sent. Try again; if it stays so, "
            "see the task's log and the host's memory and processes."
        )


class RemoteProgramError(RemoteError):
    """An error on a host that nobody foresaw."""

    host: str
    explanation: str

    def __str__(self) -> str:
        return f"Something that nobody foresaw went wrong on {self.host}. Please report it:\n{self.explanation}"
