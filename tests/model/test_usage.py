from __future__ import annotations

import pytest

from corvus.metering.usage import add_usage
from corvus.model.usage import COUNTS, TokenKind, Usage

NAMES = COUNTS


@pytest.mark.parametrize("count", [-1, 1.0, "1", True, None])
def test_a_count_that_is_no_whole_number_from_0_up_is_refused_by_name(
    count: object,
) -> None:
    """EVA-10: a negative count would lower the cost of a call."""
    for name in NAMES:
        with pytest.raises(ValueError, match=f"^{name} must be an integer >= 0, got {count!r}"):
            Usage(**{name: count})  # pyright: ignore[reportArgumentType] - the point of the test


def test_every_count_is_of_a_kind_of_its_own_and_zero_is_left_out() -> None:
    counts = {name: number for number, name in enumerate(NAMES, start=1)}
    assert Usage(**counts).by_kind() == dict(zip(TokenKind, range(1, 1 + len(NAMES)), strict=True))
    assert Usage(**dict.fromkeys(NAMES, 0)).by_kind() == {}


def test_the_context_is_what_the_model_read_and_not_what_it_wrote() -> None:
    counts = {name: 10**number for number, name in enumerate(NAMES)}
    written = {name for name in NAMES if name.startswith(("output_", "reasoning_"))}
    uses = {"web_search_requests", "file_search_requests", "code_containers"}
    used = Usage(**counts)
    assert used.context_tokens == sum(counts[name] for name in {*NAMES} - written - uses)
    assert used.total_tokens == sum(counts[name] for name in {*NAMES} - uses)


def test_counts_are_added_kind_by_kind_and_one_alone_stays_what_it_is() -> None:
    small, large = Usage(*range(1, 8)), Usage(*range(100, 800, 100))
    assert add_usage(small, large, small) == Usage(102, 204, 306, 408, 510, 612, 714)
    assert add_usage(small) == small
    assert add_usage() == Usage()
