"""The official download, tried against a web server of our own."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable_research.local.errors import Interrupted
from durable_research.local.temporal import download
from durable_research.local.temporal.download import DownloadFailed, download_temporal

PROGRAM = b"#!/bin/sh\necho temporal version 1.8.2\n"


def archive_of(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for each, body in (("LICENSE", b"words"), (name, content)):
            entry = tarfile.TarInfo(each)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


class Vendor(http.server.ThreadingHTTPServer):
    """A web server with one file, and ways to go wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shelf)
        self.body = archive_of("temporal", PROGRAM)
        self.status = 200
        self.cut_after: int | None = None
        self.requested_paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1.8.2"


class Shelf(http.server.BaseHTTPRequestHandler):
    server: Vendor

    def do_GET(self) -> None:
        self.server.requested_paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body[: self.server.cut_after])

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    server = Vendor()
    monkeypatch.setattr(download, "platform_name", lambda: "linux_amd64")
    monkeypatch.setitem(download.SHA256, "linux_amd64", hashlib.sha256(server.body).hexdigest())
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(url: str, folder: Path, stop: threading.Event | None = None) -> Path:
    messages: list[str] = []
    download_temporal(folder / "temporal", url, messages.append, stop or threading.Event())
    return folder / "temporal"


def test_the_program_in_the_archive_is_unpacked_and_can_be_run(vendor: Vendor, tmp_path: Path) -> None:
    program = fetch(vendor.url, tmp_path)

    assert (program.read_bytes(), program.stat().st_mode & 0o777) == (PROGRAM, 0o755)


def test_only_the_program_is_unpacked_from_the_archive(vendor: Vendor, tmp_path: Path) -> None:
    fetch(vendor.url, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar.gz", "temporal"]


def test_the_archive_for_this_machine_is_requested(vendor: Vendor, tmp_path: Path) -> None:
    fetch(vendor.url, tmp_path)

    assert vendor.requested_paths == ["/v1.8.2/temporal_cli_1.8.2_linux_amd64.tar.gz"]


def test_an_archive_with_another_checksum_is_never_unpacked(vendor: Vendor, tmp_path: Path) -> None:
    vendor.body = archive_of("temporal", b"#!/bin/sh\necho evil\n")

    with pytest.raises(DownloadFailed, match=r"has SHA-256 [0-9a-f]{64}, not the pinned"):
        fetch(vendor.url, tmp_path)
    assert not (tmp_path / "temporal").exists()


def test_a_cut_transfer_names_the_bytes_received(vendor: Vendor, tmp_path: Path) -> None:
    vendor.cut_after = 100

    with pytest.raises(DownloadFailed, match="broke off after 100 bytes"):
        fetch(vendor.url, tmp_path)
    assert not (tmp_path / "temporal").exists()


def test_a_missing_file_is_named_with_the_http_status(vendor: Vendor, tmp_path: Path) -> None:
    vendor.status = 404

    with pytest.raises(DownloadFailed, match=r"linux_amd64\.tar\.gz answered 404 Not Found"):
        fetch(vendor.url, tmp_path)


def test_without_a_network_the_download_could_not_be_started(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="could not be started"):
        fetch("http://127.0.0.1:1/v1.8.2", tmp_path)


def test_without_name_resolution_the_download_could_not_be_started(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="could not be started"):
        fetch("http://nowhere.invalid/v1.8.2", tmp_path)


def test_a_machine_without_an_official_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "platform_name", lambda: "linux_riscv64")

    with pytest.raises(DownloadFailed, match="linux_riscv64"):
        fetch("http://127.0.0.1:1", tmp_path)


def test_an_archive_without_the_program_is_refused_at_unpacking(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.body = archive_of("something-else", PROGRAM)
    monkeypatch.setitem(download.SHA256, "linux_amd64", hashlib.sha256(vendor.body).hexdigest())

    with pytest.raises(DownloadFailed, match="cannot be unpacked"):
        fetch(vendor.url, tmp_path)


def test_a_download_can_be_stopped(vendor: Vendor, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(Interrupted):
        fetch(vendor.url, tmp_path, stop)


def test_every_pinned_checksum_is_a_sha_256() -> None:
    assert {len(bytes.fromhex(checksum)) for checksum in download.SHA256.values()} == {32}
