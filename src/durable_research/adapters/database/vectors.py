"""pgvector's column type, reduced to our use: vectors are written and compared in SQL, and never read back."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Vector(UserDefinedType[Sequence[float]]):
    """`vector(n)`."""

    cache_ok = True

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def get_col_spec(self, **options: Any) -> str:
        """Return the type's name in SQL."""
        return f"vector({self.dimensions})"

    def bind_processor(self, dialect: Dialect) -> Callable[[Sequence[float] | None], str | None]:
        """Return a function that writes a vector in pgvector's notation."""
        return lambda vector: None if vector is None else f"[{','.join(map(repr, vector))}]"


# Without it SQLAlchemy cannot reflect our own tables, and migrations cannot be compared with them.
ischema_names["vector"] = Vector
