"""What entities are made of: `Entity` and its mixins, column helpers, and the fenced view through which lists read.

Every service's entities share one base but not one MetaData, so that several services fit in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnDefault,
    Date,
    DateTime,
    DefaultClause,
    Index,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.ext.mutable import MutableDict, MutableList
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import UserDefinedType

from tercet_chassis.ids import new_id
from tercet_chassis.money import Money

__all__ = [
    "Custom",
    "Entity",
    "External",
    "Linked",
    "Mapped",
    "OfParty",
    "Owned",
    "Searchable",
    "column",
    "entity_of",
    "index",
    "metadata_of",
    "money",
    "unique",
    "untracked",
    "view",
]

E = TypeVar("E", bound="Entity")
FENCED_SCHEMA = "fenced"
NAMING = {"ix": "%(column_0_label)s_ix", "uq": "%(table_name)s_%(column_0_name)s_uq", "pk": "%(table_name)s_pk"}


@cache
def metadata_of(distribution: str) -> MetaData:
    """The tables of one distribution, such as `tercet_leads`."""
    return MetaData(naming_convention=NAMING)


class SearchTokens(UserDefinedType[list[str]]):
    """A list of words kept as `tsvector`; the words are made by `tercet_chassis.search`."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TSVECTOR"

    def bind_expression(self, bindvalue: BindParameter[list[str]]) -> ColumnElement[Any]:
        return func.array_to_tsvector(sql_cast(bindvalue, ARRAY(Text)), type_=TSVECTOR())


class Base(DeclarativeBase):
    """Maps Python types to columns the same way everywhere."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        date: Date(),
        UUID: Uuid(),
        str: Text(),
        Decimal: Numeric(19, 4),
        dict[str, Any]: MutableDict.as_mutable(JSONB()),
        list[Any]: MutableList.as_mutable(JSONB()),
        list[str]: MutableList.as_mutable(JSONB()),
        list[dict[str, Any]]: MutableList.as_mutable(JSONB()),
    }


class Entity(Base):
    """A row of one tenant with an id, its times and an optimistic lock. `__message__` is its proto message (default:
    the class name).
    """

    __abstract__ = True
    __message__: ClassVar[str | None] = ""
    if TYPE_CHECKING:
        __table__: ClassVar[Table]

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-10)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-9)
    create_time: Mapped[datetime] = mapped_column(sort_order=90)
    update_time: Mapped[datetime] = mapped_column(sort_order=91)
    row_version: Mapped[int] = mapped_column(BigInteger, sort_order=92)

    def __init_subclass__(cls, **options: Any) -> None:
        if "__tablename__" in cls.__dict__:
            cls.metadata = metadata_of(cls.__module__.split(".")[0])
            if "__message__" not in cls.__dict__:
                cls.__message__ = cls.__name__
            # The row's version is the optimistic lock and the etag.
            cls.__mapper_args__ = {
                **getattr(cls, "__mapper_args__", {}),
                "version_id_col": cls.row_version,
                "eager_defaults": False,
            }
        super().__init_subclass__(**options)
        if "__tablename__" in cls.__dict__:
            _default_in_database(cls.__table__)
        if "__tablename__" in cls.__dict__ and issubclass(cls, Searchable):
            Index(
                f"{cls.__tablename__}_search", cls.__table__.c.tenant_id, cls.__table__.c.search, postgresql_using="gin"
            )

    def __init__(self, **values: Any) -> None:
        # Ids are known before the flush: events, jobs and other rows refer to them.
        values.setdefault("id", new_id())
        super().__init__(**values)

    @property
    def etag(self) -> str:
        """The version as clients quote it."""
        return str(self.row_version)


class Owned:
    """Who holds the row: record scopes compile to conditions on these."""

    owner_id: Mapped[UUID | None] = mapped_column(sort_order=-8)
    unit_id: Mapped[UUID | None] = mapped_column(sort_order=-7)
    partner_party_id: Mapped[UUID | None] = mapped_column(sort_order=-6)


class Linked:
    """Who the row is about: the trace by which we met them and who we hold that to be today. Party moves rewrite
    `party_id`.
    """

    identity_id: Mapped[UUID] = mapped_column(sort_order=-5)
    party_id: Mapped[UUID] = mapped_column(sort_order=-4)


class OfParty:
    """What is about a party and belongs to nobody: it is seen by whoever reaches a row of this service that is about
    the party and belongs to somebody. `__party__` names the column with the party's id.
    """

    __party__: ClassVar[str] = "party_id"


class Custom:
    """Values of the tenant's own fields, by key."""

    custom: Mapped[dict[str, Any]] = mapped_column(
        MutableDict.as_mutable(JSONB()), default=dict, server_default=text("'{}'"), sort_order=80
    )


class External:
    """The row's name in another system, unique per tenant, system and table."""

    external_system: Mapped[str | None] = mapped_column(sort_order=81)
    external_id: Mapped[str | None] = mapped_column(sort_order=82)


class Searchable:
    """Free-text search over the fields marked `searchable`."""

    search: Mapped[Any] = mapped_column(
        SearchTokens(), default=list, deferred=True, deferred_raiseload=True, sort_order=95
    )


def _default_in_database(table: Table) -> None:
    """Gives a column that must not be null its constant default in the database too: so it can be added to a table that
    has rows, and code that does not know it yet goes on inserting.
    """
    for column in table.columns:
        if column.nullable or column.server_default is not None or not isinstance(column.default, ColumnDefault):
            continue
        value = column.default.arg
        if column.default.is_callable and isinstance(column.type, ARRAY | JSONB):
            value = "{}" if isinstance(column.type, ARRAY) else str(value(None))
        if isinstance(value, bool | int | float | str | Decimal):
            quoted = "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()
            column.server_default = DefaultClause(text(quoted))


def column(*arguments: Any, **options: Any) -> Any:
    """A column whose type follows the annotation; the arguments are SQLAlchemy's."""
    return mapped_column(*arguments, **options)


def _money_of(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount, currency)


def money(name: str) -> Any:
    """An amount kept in two columns, `<name>_amount` and `<name>_currency`."""
    return composite(
        _money_of,
        mapped_column(f"{name}_amount", Numeric(19, 4), nullable=True),
        mapped_column(f"{name}_currency", String(3), nullable=True),
    )


@cache
def untracked(entity: type[E]) -> type[E]:
    """The entity's twin with plain attributes: the same properties and methods, no session, no change tracking. What
    was not set reads as the column's constant default.

    For batches that end in `Tx.bulk_insert`, where tracking each attribute would cost more than all the rules together.
    """
    defaults = {at.key: at.columns[0].default for at in entity.__mapper__.column_attrs}
    names = {
        key: getattr(default, "arg", None) if getattr(default, "is_scalar", False) else None
        for key, default in defaults.items()
    }
    own = [base for base in reversed(entity.__mro__) if not issubclass(Base, base)]
    methods = {
        name: value
        for base in own
        for name, value in vars(base).items()
        if isinstance(value, FunctionType | property) and name != "__init__"
    }
    twin = type(entity.__name__, (), {**names, **methods, "__init__": _take, "__entity__": entity})
    return cast(type[E], twin)


def _take(self: Any, **values: Any) -> None:
    self.__dict__.update(values)


def entity_of(instance: Entity) -> type[Entity]:
    """The entity's class, also of an untracked twin."""
    return cast(type[Entity], getattr(type(instance), "__entity__", None) or type(instance))


def columns_of(entity: type[Entity], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values by attribute as values by column: an amount fills two. The same where there is none."""
    composites = entity.__mapper__.composites
    if not composites:
        return values
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name in composites:
            parts = (None, None) if value is None else value.__composite_values__()
            columns.update(zip((column.key for column in composites[name].columns), parts, strict=True))
        else:
            columns[name] = value
    return columns


def unique(name: str, *columns: str, field: str | None = None) -> UniqueConstraint:
    """A tenant-wide unique key; a violation is refused as ALREADY_EXISTS naming `field` (default: the last column)."""
    return UniqueConstraint("tenant_id", *columns, name=name, info={"field": field or columns[-1]})


def index(name: str, *columns: str, where: str | None = None, include: Sequence[str] = ()) -> Index:
    """An index that begins with the tenant; `include` is read from it as well, not found by."""
    kept: dict[str, Any] = {"postgresql_include": list(include)} if include else {}
    return Index(name, "tenant_id", *columns, postgresql_where=text(where) if where else None, **kept)


@cache
def view(entity: type[Entity]) -> Table:
    """The table owner's view of the entity's rows in the caller's tenant: lists, searches and counts read here."""
    source = entity.__table__
    columns = (Column(c.name, c.type, key=c.key, nullable=c.nullable) for c in source.columns)
    return Table(source.name, MetaData(), *columns, schema=FENCED_SCHEMA)
