"""Column types: moments as numbers, domain values as JSON, enumerations by their values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, BigInteger, BindParameter, Dialect, Enum, literal
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970.

    Numbers compare and sort alike in every database, which SQLite's texts do not once their precision differs.
    A datetime without a zone is a `TypeError`.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """A datetime as the database keeps it."""
        del dialect
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """A datetime as the domain knows it."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def at(moment: datetime) -> BindParameter[datetime]:
    """A moment for places where SQLAlchemy cannot tell the type from a column, such as ``coalesce``."""
    return literal(moment, Moment())


class Document(TypeDecorator[Any]):
    """A value of the domain, stored as JSON and read back as what it was.

    Args:
        shape: The type of the value, for example a dataclass or ``tuple[str, ...]``.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__(none_as_null=True)
        self.shape = shape
        self._adapter: TypeAdapter[Any] = TypeAdapter(shape)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """A value as plain JSON."""
        del dialect
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """A value as the domain knows it."""
        del dialect
        return None if value is None else self._adapter.validate_python(value)


def one_of(enumeration: type[StrEnum]) -> Enum:
    """A column that holds the value of an enumeration as text."""
    return Enum(enumeration, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])
