"""Why the one-machine edition could not start or continue: exceptions whose text names the cause and the next step."""


class LocalError(Exception):
    """This machine or data folder prevents the start; the text is for the operator at the console."""


class PortInUse(LocalError):
    """Another process listens on a port that we need."""


class AlreadyRunning(LocalError):
    """Another supervisor holds this data folder."""


class StartFailed(LocalError):
    """A child did not become ready, or a preparation step failed; the text ends with the last lines of its log."""


class TemporalMissing(LocalError):
    """No usable `temporal` program could be found, downloaded or built; the text lists the ways tried and the remedies."""


class PrometheusMissing(LocalError):
    """No usable `prometheus` program was found; the text says how to have one."""


class Interrupted(LocalError):
    """A stop was requested during the download or build."""
