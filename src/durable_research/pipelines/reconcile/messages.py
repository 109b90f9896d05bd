"""What crosses Temporal for reconciliation."""

from pydantic import BaseModel, ConfigDict


class Reconciled(BaseModel):
    """What one pass put right, in workflows; `left_behind` are sends that were closed, orphans objects that were removed."""

    model_config = ConfigDict(frozen=True)

    started: int = 0
    cancelled: int = 0
    closed: int = 0
    stored: int = 0
    strays: int = 0
    left_behind: int = 0
    orphans: int = 0
    embedded: int = 0
