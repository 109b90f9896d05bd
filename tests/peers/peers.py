"""Model servers written by others. Each runs twice: one answers at once, one writes without an end."""

import json
import re
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.installation import end_with_the_tests, until
from tests.programs import free_port, installed, node_program

_HERE = Path(__file__).parent
REPORT = "# Tides, wave by wave\n\n" + "".join(
    f"## Hour {hour}\n\n" + "".join(f"Wave {hour}.{wave} comes in. " for wave in range(16)) + "\n\n"
    for hour in range(1, 13)
)


class Peer(ABC):
    """Its own count of our requests, over both programs."""

    model: str
    embedding_model: str

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.quick = self._start("quick")
        self.endless = self._start("endless")

    @abstractmethod
    def _command(self, name: str, port: int) -> Sequence[str]: ...

    @abstractmethod
    def calls(self) -> int:
        """Calls for a text that it began to work on."""

    @abstractmethod
    def embeddings(self) -> int:
        """Calls for an embedding that it began to work on."""

    @abstractmethod
    def dropped(self) -> int:
        """Calls whose client went away before the end."""

    def _start(self, name: str) -> int:
        port = free_port()
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(self._command(name, port), stdout=log, stderr=log, preexec_fn=end_with_the_tests)
        self._processes.append(process)

        def answers() -> bool:
            assert process.poll() is None, self._log(name).read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(f"{type(self).__name__} ({name}) to listen", answers)
        return port

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Requests that arrive meanwhile are answered afterwards: all at once."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self._processes:
                process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)


class Llama(Peer):
    """llama.cpp's own server, with a model that writes one text; its log is the record of our requests."""

    model = "tiny-words"
    embedding_model = "tiny-words"

    def _command(self, name: str, port: int) -> Sequence[str]:
        python = installed("peers", "peers/bin/python")
        model = self._folder / f"{name}.gguf"
        kind = "endless" if name == "endless" else "ends"
        subprocess.run([python, str(_HERE / "make_model.py"), str(model), kind], check=True)
        return (python, str(_HERE / "serve_llama.py"), str(model), str(port))

    def _lines(self, text: str) -> int:
        return sum(self._log(name).read_text(errors="replace").count(text) for name in ("quick", "endless"))

    def calls(self) -> int:
        return self._lines("sampler chain:")

    def embeddings(self) -> int:
        return self._lines("processing task") - self.calls()

    def dropped(self) -> int:
        return self._lines("cancel task")


class Aimock(Peer):
    """CopilotKit's mock server; its journal is the record of our requests, and its metrics count disconnected clients."""

    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"

    def _command(self, name: str, port: int) -> Sequence[str]:
        program = installed("peers", "aimock/node_modules/@copilotkit/aimock/dist/cli.js")
        answer: dict[str, Any] = {"match": {"endpoint": "chat"}, "response": {"content": REPORT}}
        if name == "endless":
            # One piece each half second: some five minutes.
            answer |= {"chunkSize": 8, "streamingProfile": {"ttft": 0, "tps": 2}}
        fixtures = self._folder / f"{name}.json"
        fixtures.write_text(json.dumps({"fixtures": [answer]}))
        return (node_program(), program, "--port", str(port), "--fixtures", str(fixtures), "--metrics")

    def _journal(self, kind: str) -> int:
        ports = (self.quick, self.endless)
        pages = [httpx.get(f"http://127.0.0.1:{port}/__aimock/journal", timeout=30).json() for port in ports]
        return sum((line["body"] or {}).get("_endpointType") == kind for page in pages for line in page)

    def calls(self) -> int:
        return self._journal("chat")

    def embeddings(self) -> int:
        return self._journal("embedding")

    def dropped(self) -> int:
        metrics = httpx.get(f"http://127.0.0.1:{self.endless}/metrics", timeout=30).text
        counted = re.findall(r'aimock_requests_total\{.*status="destroyed".*\} (\d+)', metrics)
        return sum(map(int, counted))


PEERS: dict[str, type[Peer]] = {"llama.cpp": Llama, "aimock": Aimock}
