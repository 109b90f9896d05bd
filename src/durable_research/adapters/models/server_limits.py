"""The limits that a server turned out to have, stored for the process: fields that it refuses, and missing endpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# A server may be updated, or a gateway may switch to another one, so the limits expire.
_VALID_FOR_SECONDS = 3600.0


@dataclass
class ServerLimits:
    """One for each adapter; `clock` counts seconds and never goes back."""

    clock: Callable[[], float] = time.monotonic
    left_out: set[str] = field(default_factory=set)
    _until: float = -math.inf

    @property
    def has_no_look_up(self) -> bool:
        """Whether a send made now could not be looked up later."""
        return self.clock() < self._until

    def note_missing_endpoint(self) -> None:
        """Note that an endpoint that is about no single call is missing."""
        self._until = self.clock() + _VALID_FOR_SECONDS
