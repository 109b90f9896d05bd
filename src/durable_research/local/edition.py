"""`durable-research up`: the whole system on one machine, in the foreground, until it is stopped."""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from durable_research.local.console import Say
from durable_research.local.data_folder import DataFolder, write_json
from durable_research.local.errors import LocalError, StartFailed
from durable_research.local.plan import Plan, UpOptions, current_environment
from durable_research.local.postgres import server
from durable_research.local.processes.ports import choose_ports, require_free
from durable_research.local.processes.supervisor import Supervisor
from durable_research.local.prometheus.program import find_prometheus
from durable_research.local.temporal.binary import find_temporal
from durable_research.local.up import SimulatorAddresses, Up

OnReady = Callable[[Up], Awaitable[None]]
INIT_SECONDS = 60.0


class Finished(Exception):
    """Raised by `on_ready` when its work is done: the edition stops in order, with exit code 0."""


async def run_edition(
    options: UpOptions,
    say: Say,
    on_ready: OnReady | None = None,
    *,
    supervised: Callable[[Supervisor], None] | None = None,
) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; return the exit code, 1 after an error (which was printed).

    `on_ready` receives the content of `up.json` when everything is up. When it returns, the edition continues; when it
    raises, the edition stops in order first, and the error is raised to the caller (`Finished` is not). `supervised`
    receives the supervisor before anything starts, for fault injection. Await it in the main thread: signals arrive
    there, and the children live as long as the thread that started them.
    """
    try:
        data = DataFolder(options.data)
        with data.claimed():
            data.up.unlink(missing_ok=True)  # its addresses are no longer served
            edition = _Edition(options, data, say)
            if supervised is not None:
                supervised(edition.supervisor)
            await edition.run(on_ready)
    except LocalError as error:
        say(f"error: {error}")
        return 1
    except Finished:
        return 0
    return 0


class _Edition:
    def __init__(self, options: UpOptions, data: DataFolder, say: Say) -> None:
        self._options = options
        self._say = say
        self._data = data
        self._plan = self._make_plan()
        self._stop = asyncio.Event()
        self._stop_searching = threading.Event()
        self._serving = False
        self.supervisor = Supervisor(say, data.next_start, self._write_up, pace=options.pace, runtime_file=data.up)

    async def run(self, on_ready: OnReady | None) -> None:
        began = time.monotonic()
        starting = asyncio.create_task(self._start_all(), name="start")
        callback: asyncio.Task[None] | None = None
        with self._signals():
            try:
                if await self._unless_stopped(starting):
                    self._announce(time.monotonic() - began)
                    if on_ready is not None:
                        callback = asyncio.create_task(_call(on_ready, self.up()), name="on_ready")
                        await self._unless_stopped(callback)
                    await self._stop.wait()
            finally:
                await asyncio.shield(self._stop_all(starting, callback))

    def up(self) -> Up:
        """The content of `up.json`."""
        plan = self._plan
        smtp = f"smtp://127.0.0.1:{plan.ports['simulator_smtp']}"
        return Up(
            api=plan.api_url,
            temporal=plan.temporal_address,
            temporal_ui=plan.temporal_ui_url,
            database=plan.database_url,
            simulator=SimulatorAddresses(plan.simulator_url, smtp, self._data.billing_log)
            if plan.simulator_url
            else None,
            processes=self.supervisor.processes(),
            role_ports=plan.role_ports,
            prometheus=plan.prometheus_url,
        )

    def _make_plan(self) -> Plan:
        options, data = self._options, self._data
        names = options.port_names
        ports = choose_ports(data.ports, (*names, "api") if options.port == 0 else names)
        environment = current_environment()
        if options.port:
            ports["api"] = options.port
            if "api" in options.roles(environment):
                require_free(options.port, options.host)
        plan = Plan(options, data, ports, server.open_instance(data, options.state), environment)
        if plan.stores_payload_keys:
            data.ensure_payload_keys()
        return plan

    async def _start_all(self) -> None:
        """Start the servers side by side, then everything that needs them."""
        # Looked for before anything has started that a missing one would stop.
        with_prometheus = "prometheus" in self._options.extras
        program = await asyncio.to_thread(find_prometheus) if with_prometheus else None
        servers = [self._start_postgres(), self._start_temporal(), self._start_simulator()]
        if program:
            servers.append(self._start_prometheus(program))
        await _together(*servers)
        specs = self._plan.workers() if "worker" in self._plan.roles else []
        if "api" in self._plan.roles:
            specs = [self._plan.api(), *specs]
        await _together(*(self.supervisor.start(spec) for spec in specs))

    async def _start_postgres(self) -> None:
        if "postgres" not in self._plan.roles:
            return
        instance, port = self._plan.instance, self._plan.ports["postgres"]
        await server.ensure_created(self._data, instance, self.supervisor.run_to_end, self._say)
        await server.wait_for_old_server(instance)
        await self.supervisor.start(server.server_spec(self._data, instance, port))
        await server.ensure_database(instance, port)
        await self.supervisor.run_to_end(self._plan.preparation("migrate"))
        self._say("the database is migrated")

    async def _start_temporal(self) -> None:
        if "temporal" not in self._plan.roles:
            return
        program = await asyncio.to_thread(find_temporal, self._say, stop=self._stop_searching)
        await self.supervisor.start(await asyncio.to_thread(self._plan.temporal, program))
        deadline = time.monotonic() + INIT_SECONDS
        while True:
            try:
                await self.supervisor.run_to_end(self._plan.preparation("init"))
                break
            except StartFailed:
                # The server answers before its namespace can be changed.
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)
        self._say("temporal is initialised")

    async def _start_simulator(self) -> None:
        if "simulator" in self._plan.roles:
            await self.supervisor.start(self._plan.simulator())

    async def _start_prometheus(self, program: Path) -> None:
        await self.supervisor.start(await asyncio.to_thread(self._plan.prometheus, program))

    def _announce(self, seconds: float) -> None:
        self._serving = True
        self._write_up()
        self._say(f"everything is up after {seconds:.1f} s; Ctrl-C stops it. Data: {self._data.root}")
        for role, title, url in (
            ("api", "pages and API", self._plan.api_url),
            ("temporal", "Temporal's own pages", self._plan.temporal_ui_url),
            ("prometheus", "Prometheus", self._plan.prometheus_url),
        ):
            if role in (*self._plan.roles, *self._options.extras):
                self._say(f"  {title}: {url}")

    def _write_up(self) -> None:
        # Not before everything is up: a process that waits for the file may use every address in it.
        if self._serving:
            try:
                write_json(self._data.up, self.up().as_json())
            except OSError as cause:  # a full disk is no reason to stop supervising the children
                self._say(f"cannot write {self._data.up}: {cause.strerror}")

    async def _unless_stopped(self, task: asyncio.Task[None]) -> bool:
        """Wait for the task; return False, at once, when a stop is requested before. Its error is raised."""
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            return False
        task.result()
        return True

    async def _stop_all(self, *tasks: asyncio.Task[None] | None) -> None:
        self._serving = False
        self._data.up.unlink(missing_ok=True)
        self._stop_searching.set()
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await self.supervisor.stop()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle signals: the first stops in order, the second kills the children that are still stopping."""
        loop = asyncio.get_running_loop()
        handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in handled:
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._say("asked again: killing what is still stopping")
            self.supervisor.hurry()
        else:
            self._say("stopping; once more to kill at once")
            self._stop.set()


async def _call(on_ready: OnReady, up: Up) -> None:
    await on_ready(up)


async def _together(*awaitables: Awaitable[None]) -> None:
    """Await all; the first error cancels the others and is raised bare."""
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
