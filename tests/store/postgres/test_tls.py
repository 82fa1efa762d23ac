"""Connections over TLS, on a real server with a certificate of a CA of our own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.connection import connect, examined
from tests.postgres import PostgresServer, programs, url_of

MakeServer = Callable[..., PostgresServer]


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _certificate(folder: Path, name: str, subject: str, *signed: str | Path) -> tuple[Path, Path]:
    """Make a certificate and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        *new, "-days", "2", "-subj", f"/CN={subject}", "-keyout", key, "-out", certificate, *signed
    )
    return certificate, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of a CA, and certificates that it has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")
    ca, ca_key = _certificate(folder, "ca", "the CA of tests")
    _certificate(folder, "stranger", "another CA")
    by_ca = ["-CA", ca, "-CAkey", ca_key]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    _certificate(folder, "server", "server", *by_ca, *names)
    _certificate(folder, "client", "corvus", *by_ca)
    return folder


@pytest.fixture
def server(make_postgres_server: MakeServer, authority: Path) -> PostgresServer:
    """A server that lets nobody in without TLS."""
    configured = subprocess.run(
        [programs() / "pg_config", "--configure"], capture_output=True, text=True, check=True
    ).stdout
    if "openssl" not in configured:
        pytest.skip("this PostgreSQL knows no TLS; name another with TEST_POSTGRES_BIN")
    server = make_postgres_server()
    owner = server.data.stat()
    for name in ("server.crt", "server.key", "ca.crt"):
        shutil.copy(authority / name, server.data / name)
        shutil.chown(server.data / name, owner.st_uid, owner.st_gid)
        (server.data / name).chmod(0o600)
    (server.data / "pg_hba.conf").write_text(
        "hostssl corvus corvus all trust\nhost all postgres all trust\n"
        "hostssl postgres corvus all cert\n"
    )
    server.stop()
    server.options |= {"ssl": "on", "ssl_ca_file": "ca.crt"}
    return server.start()


def _address(
    server: PostgresServer, authority: Path, mode: str, ca: str, host: str = "127.0.0.1"
) -> PostgresAddress:
    return PostgresAddress.of(
        url_of(server.port, host=host, sslmode=mode, sslrootcert=authority / f"{ca}.crt")
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_with_the_certificate_of_the_ca_is_taken(
    server: PostgresServer, authority: Path, host: str
) -> None:
    connection, facts = examined(_address(server, authority, "verify-full", "ca", host))
    with connection:
        assert facts.tls.startswith("TLSv1.")


def test_a_server_of_another_ca_is_refused(server: PostgresServer, authority: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached over TLS"):
        connect(_address(server, authority, "verify-full", "stranger"))


def test_a_file_that_is_missing_is_named(server: PostgresServer, authority: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"over TLS .*none\.crt"):
        connect(_address(server, authority, "verify-full", "none"))


def test_a_server_that_wants_tls_says_so_to_who_does_not(
    server: PostgresServer, authority: Path
) -> None:
    with pytest.raises(StoreUnavailable, match="no encryption"):
        connect(_address(server, authority, "disable", "ca"))


def test_a_certificate_of_the_client_stands_for_a_password(
    server: PostgresServer, authority: Path
) -> None:
    (authority / "client.key").chmod(0o600)
    url = url_of(
        server.port,
        database="postgres",
        sslmode="verify-full",
        sslrootcert=authority / "ca.crt",
        sslcert=authority / "client.crt",
        sslkey=authority / "client.key",
    )
    connect(PostgresAddress.of(url)).close()
    without = url_of(server.port, database="postgres", sslmode="require")
    with pytest.raises(StoreUnavailable, match="certificate"):
        connect(PostgresAddress.of(without))
