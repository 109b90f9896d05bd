"""What a server turned out not to do, kept for the process: fields that it refuses, and endpoints that it does not have."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# A server that is updated, or a gateway that goes to another one, is looked at again.
_BELIEVED_FOR_SECONDS = 3600.0


@dataclass
class ServerLimits:
    """One for each adapter; `clock` counts seconds and never goes back."""

    clock: Callable[[], float] = time.monotonic
    left_out: set[str] = field(default_factory=set)
    _until: float = -math.inf

    @property
    def cannot_be_asked(self) -> bool:
        """Whether what is sent now could not be asked about later."""
        return self.clock() < self._until

    def note_missing_endpoint(self) -> None:
        """An endpoint that is about no one call is not there."""
        self._until = self.clock() + _BELIEVED_FOR_SECONDS
