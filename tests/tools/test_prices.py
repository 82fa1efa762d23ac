"""The bundled book beside a second one, and the decisions of people about it (tools.prices)."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from corvus.model.usage import TokenKind
from corvus.prices.compile.amounts import rates_from
from corvus.prices.compile.book import compile_book
from corvus.prices.compile.decide import Decisions
from corvus.prices.compile.entries import Entry
from corvus.prices.compile.files import installed_providers
from corvus.prices.compile.listing import Listing
from corvus.prices.compile.records import ModelPrice
from corvus.prices.compile.review import Difference, Equal, Review, StaleDecision, load_review
from corvus.prices.compile.units import Tally
from corvus.prices.lookup import PriceBooks
from tools.prices.compare import Compared, compare
from tools.prices.opinion import load_opinions, take

READ = date(2026, 11, 28)


def compared() -> list[Compared]:
    return list(compare(PriceBooks(), load_opinions(), load_review()))


def test_every_difference_from_the_second_book_is_reviewed() -> None:
    """PRC-10."""
    all_rates = compared()
    assert len(all_rates) > 3_000
    unexplained = [str(one) for one in all_rates if one.differs and not one.reason]
    assert unexplained == []


def test_the_opinions_name_their_packages_and_the_hash_of_what_was_read() -> None:
    opinions = load_opinions()
    assert {one["package"] for one in opinions.sources} == {"litellm", "model-prices"}
    assert all(len(one["sha256"]) == 64 for one in opinions.sources)


def test_each_decision_has_evidence_and_a_day() -> None:
    review = load_review()
    decisions = [
        one for table in (review.difference, review.equal, review.addition) for one in table
    ]
    assert len(decisions) > 50
    for one in decisions:
        assert len(one.evidence) > 20
        assert one.read <= READ


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[equals]]\n", "unknown tables equals"),
        ('[[equal]]\nhost = "azure"\n', "missing"),
        (
            '[[equal]]\nhost="a"\nmaker="b"\nmodels=[]\nmodel=1\nevidence="x"\nread=2026-01-01\n',
            "unknown",
        ),
        ('[[equal]]\nhost="a"\nmaker="b"\nmodels=[]\nevidence=" "\nread=2026-01-01\n', "Equal"),
    ],
)
def test_a_slip_in_the_review_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "review.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        load_review(path)


def listing(usd_in: str = "2", usd_out: str = "6") -> Listing:
    return Listing(
        {}, [Entry(None, rates_from({"input": Decimal(usd_in), "output": Decimal(usd_out)}))]
    )


def difference(decision: str, book: str = "2", day: date | None = None) -> Review:
    one = Difference(
        provider="acme",
        models=["house"],
        book={"input": Decimal(book)},
        second={"input": Decimal("0.5")},
        decision=decision,  # pyright: ignore[reportArgumentType]
        day=day,
        evidence="both books",
        read=READ,
    )
    return Review(difference=[one])


def decisions(review: Review, *, is_strict: bool = True) -> Decisions:
    return Decisions(review, Tally(), is_strict=is_strict)


def decided(models: dict[str, Listing], review: Review) -> dict[str, Listing]:
    return decisions(review).decide("acme", models)


def test_a_decision_takes_effect_from_its_day() -> None:
    changed = decided({"house": listing()}, difference("second", day=date(2026, 3, 1)))
    before, after = changed["house"].entries
    assert (before.day, before.rates[TokenKind.INPUT]) == (None, 2 * 10**9)
    assert (after.day, after.rates[TokenKind.INPUT]) == (date(2026, 3, 1), 5 * 10**8)
    assert after.rates[TokenKind.OUTPUT] == 6 * 10**9


def test_what_is_undecided_has_no_rate_and_what_is_kept_does_not_change() -> None:
    unknown = decided({"house": listing()}, difference("unknown"))["house"]
    assert TokenKind.INPUT not in unknown.entries[-1].rates
    assert decided({"house": listing()}, difference("book"))["house"] == listing()


def test_a_decision_about_another_figure_than_the_source_states_must_be_made_again() -> None:
    with pytest.raises(StaleDecision, match="review it again"):
        decided({"house": listing("3")}, difference("book"))
    with pytest.raises(ValueError, match="no model has a name of"):
        decided({"other": listing()}, difference("book"))


def test_a_book_of_a_release_that_nobody_reviewed_stands_as_the_source_has_it() -> None:
    """``corvus prices update`` of a newer wheel must not fail, nor keep an old decision."""
    lenient = decisions(difference("second"), is_strict=False)
    assert lenient.decide("acme", {"house": listing("3")}) == {"house": listing("3")}
    assert lenient.decide("acme", {"other": listing()}) == {"other": listing()}
    assert lenient.tally.counts["decisions that no longer fit the source"] == 2


def test_a_history_gives_way_where_the_source_states_other_prices() -> None:
    providers = installed_providers()
    (deepseek,) = (one for one in providers if one.id == "deepseek")
    at = next(i for i, one in enumerate(deepseek.models) if one.id == "deepseek-v4-pro")
    flat = ModelPrice(input_mtok=Decimal(7), output_mtok=Decimal(8))
    deepseek.models[at] = replace(deepseek.models[at], prices=flat)
    with pytest.raises(StaleDecision, match="deepseek-v4-pro"):
        compile_book(providers, "genai-prices", "9", Tally())
    text = compile_book(providers, "genai-prices", "9", Tally(), is_strict=False)
    line = json.loads(text)["models"]["deepseek"]["deepseek-v4-pro"]
    assert line["prices"] == [[None, [7 * 10**9, 8 * 10**9, None, None, None, 8 * 10**9]]]


def test_a_host_is_equal_from_the_price_that_was_in_force_when_it_was_compared() -> None:
    rates = rates_from({"input": Decimal(1), "output": Decimal(2)})
    days = (None, date(2026, 8, 21), date(2027, 1, 1))
    models = {"acme": {"house": Listing({}, [Entry(day, rates) for day in days])}}
    equal = Equal(host="cloud", maker="acme", models=["house"], evidence="both", read=READ)
    found = decisions(Review(equal=[equal])).equal_at_hosts(models)
    assert found == {"cloud": {"acme": {"house": "2026-08-21"}}}


def test_a_second_opinion_is_read_out_of_a_wheel_exactly(tmp_path: Path) -> None:
    """Prices of litellm are floats; the digits of their text count."""
    row = (
        '{"gpt-x": {"litellm_provider": "openai", "input_cost_per_token": 1.5e-07, '
        '"output_cost_per_token": 0.0, "input_cost_per_token_batches": 7.5e-08, '
        '"input_cost_per_token_above_200k_tokens": 3e-07, "max_tokens": 5}, '
        '"x/y": {"litellm_provider": "nobody", "input_cost_per_token": 1}}'
    )
    wheel = tmp_path / "litellm-9.9-py3-none-any.whl"
    other = tmp_path / "model_prices-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("litellm/model_prices_and_context_window_backup.json", row)
    timeline: list[dict[str, object]] = [{"start": None, "rates": {"input": 0.15, "output": 0.6}}]
    timeline.append({"start": "2027-01-01T00:00:00Z", "rates": {"input": 9, "output": 9}})
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr(
            "model_prices/snapshot.json",
            json.dumps({"prices": {"openai": {"gpt-x": {"standard": timeline}}}}),
        )
    taken = tmp_path / "opinions.json"
    taken.write_text(take([wheel, other], READ), encoding="utf-8")
    opinions = load_opinions(taken)
    sheet = opinions.litellm["openai"]["gpt-x"]
    assert sheet[""][0] == {TokenKind.INPUT: 150_000_000}  # a 0 is no opinion
    assert sheet[""][200_000] == {TokenKind.INPUT: 300_000_000}
    assert sheet["batch"][0] == {TokenKind.INPUT: 75_000_000}
    assert list(opinions.litellm) == ["openai"]
    assert opinions.model_prices["openai"]["gpt-x"][""][0][TokenKind.INPUT] == 150_000_000
