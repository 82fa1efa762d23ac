from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.ledger.outboxes import FileOutbox
from tests.object_store import ObjectStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An S3 server on this machine, in a process of its own."""
    with ObjectStore() as server:
        yield server


@pytest.fixture
def bucket(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a new bucket; the environment is such that the usual tools reach it."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    object_store.gate.open()
    name = f"b{uuid4().hex}"
    object_store.make_bucket(name)
    yield f"s3://{name}/corvus"
    object_store.gate.open()


@pytest.fixture(params=[pytest.param("memory", marks=pytest.mark.nightly), "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new archive: of each kind that has code of its own; only tests have memory."""
    match request.param:
        case "memory":
            return f"memory://{uuid4().hex}/prefix"
        case "file":
            return f"file://{tmp_path}/shared/archive"
        case _:
            return str(request.getfixturevalue("bucket"))
