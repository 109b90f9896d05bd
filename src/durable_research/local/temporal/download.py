"""Fetches the official Temporal program: a pinned version with a pinned checksum, or nothing at all."""

import hashlib
import platform
import shutil
import tarfile
import threading
import time
from pathlib import Path

import httpx

from durable_research.local.console import Say
from durable_research.local.errors import Interrupted, LocalError

VERSION = "1.8.2"
BASE_URL = f"https://github.com/temporalio/cli/releases/download/v{VERSION}"

# Source: several public projects pin these independently for the archives of release 1.8.2.
SHA256 = {
    "linux_amd64": "d8421bda989e6514b4bdb4d63a9012a8a05a806892e881a5aad8510496349a94",
    "linux_arm64": "83600a8fac6e3da54093e5da6918d399f501532b9f1172235603f9606f4ac6e4",
    "darwin_amd64": "489d7f5420cae02b559774ac23df035141954c33a51dba96f5759a0ddccdf1b6",
    "darwin_arm64": "dacdc3587682c04cf27e67c8878ca2d755230b6ad63c0c6ebddd7348ae90ed94",
}
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

# Without a network, the next way should be tried quickly; a slow download may take long as long as it makes progress.
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
PROGRESS_EVERY_SECONDS = 2.0
MEGABYTE = 1_000_000


class DownloadFailed(LocalError):
    """The archive could not be downloaded, or its content is wrong; nothing was installed."""


def platform_name() -> str:
    """Return the vendor's name for this machine, such as `linux_amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{MACHINES.get(machine, machine)}"


def download_temporal(destination: Path, base_url: str, say: Say, stop: threading.Event) -> None:
    """Create the program at `destination`, in an existing private folder; the caller removes files left there.

    Raises:
        DownloadFailed: no archive for this machine, no network, a cut transfer, or a wrong checksum.
    """
    name = platform_name()
    if name not in SHA256:
        raise DownloadFailed(f"there is no official download for this machine ({name})")
    url = f"{base_url}/temporal_cli_{VERSION}_{name}.tar.gz"
    archive = destination.with_name("archive.tar.gz")
    found = fetch(url, archive, say, stop)
    if found != SHA256[name]:  # before a byte of it is unpacked
        raise DownloadFailed(f"the file at {url} has SHA-256 {found}, not the pinned {SHA256[name]}: it was not used")
    unpack(archive, destination)


def fetch(url: str, archive: Path, say: Say, stop: threading.Event) -> str:
    """Stream `url` into `archive` and return its SHA-256. No retry: trying the next way is better."""
    say(f"downloading the temporal program {VERSION} from {url}")
    received, digest = 0, hashlib.sha256()
    try:
        # As raw bytes: a decoded transfer would be another file with another checksum.
        headers = {"Accept-Encoding": "identity"}
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=True, headers=headers) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise DownloadFailed(f"{url} answered {answer.status_code} {answer.reason_phrase}".rstrip())
            total, last_progress = answer.headers.get("content-length"), time.monotonic()
            of_total = f" of {int(total) / MEGABYTE:.0f}" if total else ""
            with archive.open("wb") as file:
                for piece in answer.iter_raw():
                    if stop.is_set():
                        raise Interrupted("stopped while downloading the temporal program")
                    file.write(piece)
                    digest.update(piece)
                    received += len(piece)
                    if time.monotonic() - last_progress > PROGRESS_EVERY_SECONDS:
                        last_progress = time.monotonic()
                        say(f"  {received / MEGABYTE:.0f}{of_total} MB")
    except httpx.HTTPError as cause:
        failure = f"broke off after {received} bytes" if received else "could not be started"
        raise DownloadFailed(f"the download from {url} {failure} ({_reason(cause)})") from cause
    return digest.hexdigest()


def unpack(archive: Path, destination: Path) -> None:
    """Extract the one member that we need; the rest of the archive is never written to disk."""
    try:
        with tarfile.open(archive) as tar:
            program = tar.extractfile("temporal")
            if program is None:
                raise DownloadFailed("`temporal` in the downloaded archive is not a file")
            with program, destination.open("wb") as file:
                shutil.copyfileobj(program, file)
    except (tarfile.TarError, KeyError, EOFError) as cause:
        raise DownloadFailed(f"the downloaded archive cannot be unpacked ({cause})") from cause
    destination.chmod(0o755)


def _reason(cause: Exception) -> str:
    return str(cause) or type(cause).__name__
