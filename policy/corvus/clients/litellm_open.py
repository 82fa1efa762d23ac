"""Keeps the calls of LiteLLM that are not settled, until they are or nobody waits for them."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from corvus.clients.model_call import ModelCall

_NAMED_MAX = 10_000


class OpenCalls:
    """Calls that are not settled, by the logging object of LiteLLM, or else by its id of the call.

    Whoever makes a call holds its logging object, and a stream does, too. So a call that nobody
    waits for any more is collected with it, and settled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_object: weakref.WeakKeyDictionary[Any, ModelCall] = weakref.WeakKeyDictionary()
        self._of_id: weakref.WeakValueDictionary[str, ModelCall] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[str, ModelCall] = OrderedDict()
        self._unmade: weakref.WeakSet[ModelCall] = weakref.WeakSet()

    def put(self, kwargs: Mapping[str, Any], call: ModelCall, *, is_made: bool) -> None:
        """Keep a call until it is taken, or nobody waits for it."""
        owner, name = kwargs.get("litellm_logging_obj"), str(kwargs.get("litellm_call_id"))
        with self._lock:
            self._of_id[name] = call
            if owner is not None:
                self._of_object[owner] = call
            else:
                self._kept[name] = call
                if len(self._kept) > _NAMED_MAX:
                    self._kept.popitem(last=False)
            if not is_made:
                self._unmade.add(call)

    def take(self, kwargs: Mapping[str, Any]) -> ModelCall | None:
        """Return an open call, and keep it no more."""
        found = self._find(kwargs)
        with self._lock:
            self._kept.pop(str(kwargs.get("litellm_call_id")), None)
            owner = kwargs.get("litellm_logging_obj")
            if owner is not None:
                self._of_object.pop(owner, None)
        return None if found is None or found.is_over else found

    def is_made(self, kwargs: Mapping[str, Any]) -> bool:
        """Return whether a deployment was tried for a call."""
        return self._find(kwargs) not in self._unmade

    def knows(self, kwargs: Mapping[str, Any]) -> bool:
        """Return whether there is a call, settled or not."""
        return self._find(kwargs) is not None

    def _find(self, kwargs: Mapping[str, Any]) -> ModelCall | None:
        with self._lock:
            owner = kwargs.get("litellm_logging_obj")
            found = self._of_object.get(owner) if owner is not None else None
            return found or self._of_id.get(str(kwargs.get("litellm_call_id")))
