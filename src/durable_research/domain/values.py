"""What every value that is stored, sent or recorded has in common: it does not change, and its JSON is its fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen; a value that comes from people also forbids what it does not know."""

    model_config = ConfigDict(frozen=True)
