"""Every error survives pickle and copies with its data, so that a process pool can raise it."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from corvus.base import errors
from corvus.model.decision import UnpricedModel


def kinds(of: type[errors.PolicyError]) -> Iterator[type[errors.PolicyError]]:
    yield of
    for each in of.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from kinds(each)


def made(kind: type[errors.PolicyError]) -> errors.PolicyError:
    parameters = [*inspect.signature(kind.__init__).parameters.values()][2:]
    named = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    values: dict[str, Any] = {each.name: ("data", each.name) for each in named}
    return kind("what is wrong", **values)


COPIES: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    lambda error: pickle.loads(pickle.dumps(error)),
]


@pytest.mark.parametrize("copied", COPIES, ids=["copy", "deepcopy", "pickle"])
def test_an_error_comes_back_with_its_data(copied: Callable[[Any], Any]) -> None:
    for kind in dict.fromkeys(kinds(errors.PolicyError)):
        error = made(kind)
        error.add_note("a note")
        twin = copied(error)
        assert type(twin) is kind
        assert str(twin) == str(error), kind
        assert vars(twin) == vars(error), kind


def refuse() -> None:
    raise UnpricedModel("no price", "m")


def test_a_process_pool_raises_what_its_worker_raised() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(UnpricedModel) as raised,
    ):
        pool.submit(refuse).result(60)
    assert raised.value.model == "m"
