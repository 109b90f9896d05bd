"""Why the one-machine edition could not start or go on: exceptions whose text names the cause and the next step."""


class LocalError(Exception):
    """Something about this machine or data folder stands in the way; the text is for the person at the console."""


class PortInUse(LocalError):
    """Another process listens where we must."""


class AlreadyRunning(LocalError):
    """Another supervisor holds this data folder."""


class StartFailed(LocalError):
    """A child did not become ready, or a preparation step failed; the text ends with the last lines of its log."""


class TemporalMissing(LocalError):
    """No usable `temporal` program could be found, downloaded or built; the text says what was tried and what helps."""


class Interrupted(LocalError):
    """A person asked us to stop while we were still fetching or building."""
