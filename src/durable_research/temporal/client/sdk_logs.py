"""The log lines of the SDK's core, which would otherwise print them itself, in a form of its own."""

import logging

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig

LOGGING = LoggingConfig(
    filter=LoggingConfig.default.filter,
    # The target is in the logger's name; of the fields, any may hold what a person wrote.
    forwarding=LogForwardingConfig(
        logger=logging.getLogger("temporalio"), prepend_target_on_message=False, append_log_fields_to_message=False
    ),
)


def log_through_python() -> None:
    """Send the core's lines of clients without a runtime of their own through Python's logging, from now on."""
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LOGGING)), error_if_already_set=False)
