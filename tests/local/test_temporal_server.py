"""The settings of the dev server, accepted by the real one."""

from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from durable_research.local.temporal.server import server_command, start_dev_help, tuning_arguments


def test_the_temporal_server_listens_on_loopback_and_stores_to_a_file() -> None:
    command = server_command(Path("/bin/temporal"), port=7233, ui_port=8233, database=Path("/data/temporal.db"))

    assert command[:11] == (
        "/bin/temporal",
        *("server", "start-dev", "--ip", "127.0.0.1", "--port", "7233", "--ui-port", "8233"),
        *("--db-filename", "/data/temporal.db"),
    )


def test_the_news_fetch_is_disabled_when_the_program_has_the_option(temporal_program: Path) -> None:
    command = server_command(
        temporal_program, port=1, ui_port=2, database=Path("/d"), options=start_dev_help(temporal_program)
    )

    assert command[-1] == "--ui-disable-news-fetch"


def test_the_web_ui_gets_the_codec_endpoint(temporal_program: Path) -> None:
    options = start_dev_help(temporal_program)

    command = server_command(
        temporal_program, port=1, ui_port=2, database=Path("/d"), options=options, codec="http://c"
    )

    assert command[command.index("--ui-codec-endpoint") + 1] == "http://c"


def test_options_unknown_to_an_older_program_are_left_out() -> None:
    command = server_command(
        Path("/bin/temporal"), port=1, ui_port=2, database=Path("/d"), options="--port --ui-port", codec="http://c"
    )

    assert "--ui-disable-news-fetch" not in command
    assert "--ui-codec-endpoint" not in command


async def test_the_tests_server_has_the_same_options(temporal_program: Path, tmp_path: Path) -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_program),
        dev_server_database_filename=str(tmp_path / "temporal.db"),
        dev_server_extra_args=tuning_arguments(),
    ) as environment:
        assert await environment.client.service_client.check_health()
