"""The stores that the spec runs on: a folder, Azure Blob (Azurite) and S3 (moto), each of which can go away and come back."""

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Protocol

import httpx

from tests.installation import end_with_the_tests, until
from tests.programs import free_port, installed, node_program

_ACCOUNT, _KEY = "research", base64.b64encode(b"a key for tests only").decode()
_CONTAINER = "reports"
ENVIRONMENT = {
    "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
    "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
    "AWS_ACCESS_KEY_ID": "anyone",
    "AWS_SECRET_ACCESS_KEY": "anything",
    "AWS_REGION": "us-east-1",
}


class Store(Protocol):
    """A store of objects, controlled from outside."""

    @property
    def url(self) -> str: ...

    @property
    def endpoint(self) -> str | None: ...

    def interrupt(self) -> None: ...

    def restore(self) -> None: ...

    def stop(self) -> None: ...


class Folder:
    """A local folder; it is away while a file stands in its place."""

    endpoint = None

    def __init__(self, scratch: Path) -> None:
        self._folder, self._aside = scratch / "objects", scratch / "aside"
        self._folder.mkdir()
        self.url = f"file://{self._folder}"

    def interrupt(self) -> None:
        self._folder.rename(self._aside)
        self._folder.touch()

    def restore(self) -> None:
        self._folder.unlink()
        self._aside.rename(self._folder)

    def stop(self) -> None:
        """Nothing runs."""


class _Server(ABC):
    """A server on its own port, which it has again after a restart."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.restore()

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _create(self) -> None: ...

    def restore(self) -> None:
        with (self._scratch / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env={**os.environ, "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"},
                stdout=log,
                stderr=log,
                preexec_fn=end_with_the_tests,
            )
        until(f"port {self._port}", self._listens)
        self._create()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._scratch / "server.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def interrupt(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    stop = interrupt


class Azure(_Server):
    """Azure Blob by Azurite, on disk."""

    url = f"az://{_CONTAINER}/installation"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}/{_ACCOUNT}"

    def _command(self) -> Sequence[str]:
        program = installed("azurite", "azurite/node_modules/.bin/azurite-blob")
        flags = ("--silent", "--skipApiVersionCheck", "--disableTelemetry")
        where = ("--blobHost", "127.0.0.1", "--blobPort", str(self._port), "--location", str(self._scratch))
        return (node_program(), program, *where, *flags)

    def _create(self) -> None:
        """Create the container by a request that is signed with the account's key (SharedKey): obstore cannot."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
        signed_headers = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        resource = f"/{_ACCOUNT}/{_ACCOUNT}/{_CONTAINER}\nrestype:container"
        words = "PUT" + "\n" * 12 + signed_headers + resource
        signature = base64.b64encode(hmac.digest(base64.b64decode(_KEY), words.encode(), hashlib.sha256)).decode()
        answer = httpx.put(
            f"{self.endpoint}/{_CONTAINER}?restype=container",
            headers={**headers, "Authorization": f"SharedKey {_ACCOUNT}:{signature}"},
        )
        assert answer.status_code in {201, 409}, answer.text


# S3 decides one conditional write at a time. moto looks and writes in two steps, between which another thread may write:
# on a busy machine both writers win, which S3 never does. So requests come to it one after another.
_MOTO_ONE_BY_ONE = """
import sys, threading, moto.server as moto
one, dispatch = threading.Lock(), moto.DomainDispatcherApplication.__call__
def alone(self, environ, start_response):
    with one:
        return dispatch(self, environ, start_response)
moto.DomainDispatcherApplication.__call__ = alone
moto.main(sys.argv[1:])
"""


class S3(_Server):
    """S3 by moto, in memory: a restart loses its objects."""

    url = f"s3://{_CONTAINER}/installation"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-c", _MOTO_ONE_BY_ONE, "-H", "127.0.0.1", "-p", str(self._port))

    def _create(self) -> None:
        httpx.put(f"{self.endpoint}/{_CONTAINER}").raise_for_status()


STORES: dict[str, Callable[[Path], Store]] = {"folder": Folder, "azure": Azure, "s3": S3}
