"""What code relies on in a database: relations with their columns, constraints, fences and rights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

_RELATIONS = """
SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS fenced,
       ARRAY(SELECT p.polname || ' ' || p.polcmd::text || ' ' || coalesce(pg_get_expr(p.polqual, c.oid), '') || ' | '
                    || coalesce(pg_get_expr(p.polwithcheck, c.oid), '')
               FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies,
       ARRAY(SELECT right_ FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) right_
              WHERE has_table_privilege(CAST(:role AS name), c.oid, right_)) AS rights
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('public', 'fenced') AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname <> 'alembic_version'
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 2
"""
_COLUMNS = """
SELECT a.attrelid AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
       CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'generated'
            ELSE pg_get_expr(d.adbin, d.adrelid) END AS default_
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = ANY(:oids) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attname
"""
# A unique index without a constraint binds writers as one with it does. What is NOT NULL stands with the columns.
_RULES = """
SELECT conrelid AS oid, conname AS name, pg_get_constraintdef(oid) AS definition, contype::text AS kind,
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = conrelid AND a.attnum = ANY(conkey)) AS columns
  FROM pg_constraint WHERE conrelid = ANY(:oids) AND contype <> 'n'
 UNION ALL
SELECT i.indrelid, c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', 'UNIQUE '), 'i',
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey))
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = ANY(:oids) AND i.indisunique
   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
 ORDER BY 2
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text || ' returns ' || pg_get_function_result(p.oid)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
 ORDER BY 1
"""
_KINDS = {"p": "primary key", "u": "unique", "i": "unique", "f": "foreign key", "c": "check", "x": "exclusion"}


@dataclass(frozen=True)
class Column:
    """A column as writers and readers meet it."""

    type: str
    nullable: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Rule:
    """A constraint or unique index: what refuses rows."""

    kind: str
    definition: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relation:
    """A table or a fenced view."""

    columns: Mapping[str, Column]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    rights: tuple[str, ...] = ()
    fenced: bool = False
    policies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What one service's database offers to its code at a revision."""

    relations: Mapping[str, Relation]
    functions: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: Connection, role: str) -> Schema:
        """Reads it from the database; rights are those of the serving role."""
        found = connection.execute(text(_RELATIONS), {"role": role}).all()
        oids = {"oids": [row.oid for row in found]}
        columns: dict[int, dict[str, Column]] = {}
        for row in connection.execute(text(_COLUMNS), oids):
            columns.setdefault(row.oid, {})[row.name] = Column(row.type, row.nullable, row.default_)
        rules: dict[int, dict[str, Rule]] = {}
        for row in connection.execute(text(_RULES), oids):
            rule = Rule(_KINDS.get(row.kind, "constraint"), row.definition, tuple(sorted(row.columns)))
            rules.setdefault(row.oid, {})[row.name] = rule
        relations = {
            row.name: Relation(
                columns.get(row.oid, {}), rules.get(row.oid, {}), tuple(row.rights), row.fenced, tuple(row.policies)
            )
            for row in found
        }
        return cls(relations, tuple(connection.execute(text(_FUNCTIONS)).scalars()))


@dataclass(frozen=True)
class Release:
    """A schema and whose it is: the code's version and the migration it stands at."""

    version: str
    revision: str
    schema: Schema

    def written(self) -> str:
        """As JSON with a line a column, so that a diff shows what changed."""
        parts = [f'{{"version": {_json(self.version)}, "revision": {_json(self.revision)},', '"functions": [']
        parts += [",\n".join(f" {_json(each)}" for each in self.schema.functions), '],\n"relations": {']
        relations = []
        for name, relation in self.schema.relations.items():
            columns = ",\n".join(f"  {_json(each)}: {_json(_column(c))}" for each, c in relation.columns.items())
            rules = ",\n".join(
                f"  {_json(each)}: {_json([rule.kind, rule.definition, list(rule.columns)])}"
                for each, rule in relation.rules.items()
            )
            head = f'"rights": {_json(list(relation.rights))}, "fenced": {_json(relation.fenced)}'
            relations.append(
                f' {_json(name)}: {{{head},\n  "policies": {_json(list(relation.policies))},\n'
                f'  "columns": {{\n{columns}\n  }},\n  "rules": {{\n{rules}\n  }}}}'
            )
        return "\n".join([*parts, ",\n".join(relations), "}}", ""])

    @classmethod
    def read(cls, text_: str) -> Release:
        """What `written` wrote."""
        told = json.loads(text_)
        relations = {
            name: Relation(
                {each: Column(**column) for each, column in relation["columns"].items()},
                {each: Rule(kind, said, tuple(columns)) for each, (kind, said, columns) in relation["rules"].items()},
                tuple(relation["rights"]),
                relation["fenced"],
                tuple(relation["policies"]),
            )
            for name, relation in told["relations"].items()
        }
        return cls(told["version"], told["revision"], Schema(relations, tuple(told["functions"])))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {"type": column.type}
    if column.nullable:
        said["nullable"] = True
    if column.default is not None:
        said["default"] = column.default
    return said
