"""The databases, roles and rights of the five services, as SQL for psql."""

from __future__ import annotations

from collections.abc import Callable

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")
EXTENSIONS = ("pg_trgm", "btree_gin")


def database_name(service: str) -> str:
    return "tercet_" + service.replace("-", "_")


def owner_role(service: str) -> str:
    return database_name(service) + "_owner"


def app_role(service: str) -> str:
    return database_name(service)


def provision(service: str, password: Callable[[str], str]) -> str:
    """Everything one service needs, safe to run again.

    Two roles: the owner runs migrations and owns the tables; the app role serves requests and is bound by row-level
    security because it owns nothing.
    """
    database, owner, app = database_name(service), owner_role(service), app_role(service)
    create_roles = "".join(
        f"""
SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
ALTER ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{password(role)}';
"""
        for role in (owner, app)
    )
    extensions = "".join(f"CREATE EXTENSION IF NOT EXISTS {name};\n" for name in EXTENSIONS)
    return f"""{create_roles}
SELECT 'CREATE DATABASE {database} OWNER {owner}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app};
\\connect {database}
{extensions}ALTER SCHEMA public OWNER TO {owner};
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {app};
"""
