"""An installation that this process starts itself, by `durable-research up` as a user would, any number of times."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from durable_research.experiments.evidence.installation import Installation, NotInTime
from durable_research.local.data_folder import DataFolder, write_json
from durable_research.local.plan import UpOptions
from durable_research.local.postgres.programs import STATE_OF_ROOT
from durable_research.local.processes.child import launch_command

# The installation must not inherit the user's own model key, addresses or switches.
_OWN_PREFIXES = ("OPENAI_", "DURABLE_")
_STOPPING_SECONDS = 60.0


class OwnInstallation(Installation):
    """An installation that is started and stopped; the data folder stays. It ends when this process ends.

    `environment` is added to this process's; `extras` is what `--with` adds, `factor` how much faster Prometheus' rules are.
    `free_port` chooses its ports once; without it, the edition chooses them.
    """

    def __init__(
        self,
        data: Path,
        only: str | None = None,
        environment: Mapping[str, str] | None = None,
        free_port: Callable[[], int] | None = None,
        extras: tuple[str, ...] = (),
        factor: float = 1,
    ) -> None:
        super().__init__(data)
        self.only = only
        self.environment = dict(environment or {})
        self.extras = extras
        self._factor = factor
        self._free_port = free_port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.discard()

    def start(self, only: str | None = None) -> Self:
        """Run `up` until everything is up."""
        arguments = [sys.executable, "-m", "durable_research", "up", "--data", str(self.data), "--port", "0"]
        if only or self.only:
            arguments += ["--only", only or self.only or ""]
        if self.extras:
            arguments += ["--with", ",".join(self.extras), "--factor", f"{self._factor:g}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_PREFIXES)}
        self.data.mkdir(parents=True, exist_ok=True)
        self._choose_ports()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                launch_command(tuple(arguments), death_signal=signal.SIGINT),
                env={**environment, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until("up.json", self._is_up)
        return self

    def stop(self) -> None:
        """Stop it by Ctrl-C, as a user would."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_STOPPING_SECONDS)
        self._process = None

    def discard(self) -> None:
        """Remove the database that is outside the data folder when we are root."""
        instance = self.data / "postgres" / "instance.json"
        if os.geteuid() == 0 and instance.exists():
            shutil.rmtree(STATE_OF_ROOT / "postgres" / json.loads(instance.read_text())["name"], ignore_errors=True)

    def kill_all(self) -> None:
        """SIGKILL every process of the installation at once, the supervisor first."""
        process = self._started()
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended with its parent already
                one.kill()
        process.wait(_STOPPING_SECONDS)
        psutil.wait_procs(family, timeout=_STOPPING_SECONDS)
        self._process = None

    def log(self) -> str:
        """The output of `up`."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.data / "up.log"

    def _choose_ports(self) -> None:
        ports = DataFolder(self.data).ports
        if self._free_port is not None and not ports.exists():
            names = (*UpOptions(self.data, extras=self.extras).port_names, "api")
            write_json(ports, {name: self._free_port() for name in names})

    def _is_up(self) -> bool:
        code = self._started().poll()
        if code is not None:
            raise NotInTime(f"up ended with {code}:\n{self.log()}")
        return DataFolder(self.data).up.exists()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise LookupError(f"no installation of ours runs on {self.data}")
        return self._process
