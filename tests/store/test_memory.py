from __future__ import annotations

from corvus.store.api import Backend
from corvus.store.memory import MemoryBackend
from tests.store.contract import StoreContract


class TestMemory(StoreContract):
    """In memory, another process finds nothing; another store of this one finds the same."""

    def make_backend(self) -> Backend:
        self.backend = MemoryBackend()
        return self.backend

    def again(self) -> Backend:
        return self.backend
