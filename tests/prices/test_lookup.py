from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price, Rates
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.prices.match import How

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT.parent / "shared" / "configs"
CHEAP: Rates = {TokenKind.INPUT: 1, TokenKind.OUTPUT: 2}
DEAR: Rates = {TokenKind.INPUT: 10, TokenKind.OUTPUT: 20}
BOOKS = PriceBooks()
"""The bundled book alone; it never changes, so all tests may share it."""


def own(name: str, rates: Rates = CHEAP, since: date | None = None) -> Price:
    provider, slash, model = name.partition("/")
    entry = f"user:{name}" + (f"@{since}" if since else "")
    named = (provider, model) if slash else ("", name)
    return Price(*named, "user", entry, rates, effective_from=since)


def entry(model: str, provider: str | None = None, books: PriceBooks = BOOKS) -> str | None:
    price = books.find(model, provider=provider)
    return price.entry if price else None


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"),
        ("claude-opus-4-5@20251101", "anthropic/claude-opus-4-5"),
        ("claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku-latest"),
        ("claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4-5"),
        ("claude-sonnet-4", "anthropic/claude-sonnet-4-0"),
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("gpt-5.2-20251211", "openai/gpt-5.2"),
        ("ft:gpt-4o-2024-08-06:acme::Ab12", "openai/ft:gpt-4o"),
        ("gemini-2.5-pro-preview-05-06", "google/gemini-2.5-pro"),
        ("deepseek-flash", "deepseek/deepseek-flash"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("global.anthropic.claude-opus-4-5-v1:0", "aws/global.anthropic.claude-opus-4-5-v1:0"),
        ("anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4-0"),
        ("anthropic/claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0"),
        ("anthropic/claude-opus-4-20250514", "anthropic/claude-opus-4-0"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3-5-sonnet"),
        ("anthropic/claude-3-haiku", "anthropic/claude-3-haiku"),
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai/o1-preview", "openai/o1-preview"),
        ("google/gemini-2.0-flash", "google/gemini-2.0-flash"),
        ("google/gemini-1.5-pro", "google/gemini-1.5-pro"),
        ("gemini/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("zai/glm-4.7", "zai/GLM-4.7"),
        ("zai-cn/glm-4.7", "zhipuai/GLM-4.7"),
        ("moonshotai/kimi-k2.5", "moonshotai/kimi-k2.5"),
        ("openrouter/anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("bedrock/apac.anthropic.claude-3-5-sonnet-20241022-v2:0",
         "aws/regional.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("vertex_ai/claude-opus-4-5@20251101", "google/claude-opus-4-5"),
        ("claude-opus-5[1m]", "anthropic/claude-opus-5"),
        ("claude-opus-4-1-20250805[1m]", "anthropic/claude-opus-4-1"),
        ("claude-opus-5@default", "anthropic/claude-opus-5"),
        ("claude-opus-4@20250514", "anthropic/claude-opus-4-0"),
        ("vertex_ai/claude-opus-4@20250514", "google/claude-4-opus"),
        ("claude-3-5-sonnet-v2@20241022", "anthropic/claude-3-5-sonnet"),
        ("publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("projects/p-1/locations/global/publishers/google/models/gemini-2.5-pro",
         "google/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0[1m]",
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("GPT-4o", "openai/gpt-4o"),
        ("Claude-Sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0:200k",
         "aws/regional.anthropic.claude-3-haiku-20240307-v1:0"),
        ("bedrock/converse/anthropic.claude-3-haiku-20240307-v1:0",
         "aws/regional.anthropic.claude-3-haiku-20240307-v1:0"),
        ("bedrock/us-east-1/anthropic.claude-3-5-sonnet-20240620-v1:0",
         "aws/regional.anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20240620-v1:0",
         "aws/regional.anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("Anthropic/claude-opus-4-5", "anthropic/claude-opus-4-5"),
        ("OpenAI/gpt-4o", "openai/gpt-4o"),
    ],
)  # fmt: skip
def test_a_name_seen_in_real_logs_and_configs_finds_its_entry(model: str, found: str) -> None:
    name = entry(model)
    assert name is not None
    assert name.partition("@2026")[0] == f"bundled:{found}"


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-mini-foo", "gpt-4o-foo", "my-gpt-4o", "gpt-4", "claude-sonnet-4-foo", "claude",
        "claude-opus-4-500", "claude-sonnet-4-2025", "claude-sonnet-4-5-20251399",
        "claude-sonnet-4-5-20250929-eval", "xclaude-sonnet-4-5", "GPT-4o-foo",
        " claude-sonnet-4-5", "<synthetic>", "", "/", "anthropic/",
        "/claude-sonnet-4-5", "llama3.2", "gpt-oss:20b", "fal-ai/flux/schnell", "acme/house-model",
        "us.claude-sonnet-4-5", "nimbus-1-preview", "sonar", "whisper-1", "[1m]", "@default",
        "claude-opus-5[2m]", "claude-opus-5@yesterday", "claude-opus-4@20251399",
        "converse/anthropic.claude-3-haiku-20240307-v1:0:big", "models/anything/gemini-2.5-pro",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    ],
)  # fmt: skip
def test_part_of_a_name_or_an_unknown_name_has_no_price(model: str) -> None:
    if model == "gpt-4":  # the one that is a whole name: its price is its own
        assert entry(model) == "bundled:openai/gpt-4"
    else:
        assert BOOKS.find(model) is None
        assert BOOKS.history(model) == ()


def test_a_shorter_model_never_takes_the_price_of_a_longer_one() -> None:
    day = date(2026, 4, 30)
    four, four_five = (
        BOOKS.find(name, on=day) for name in ("claude-sonnet-4", "claude-sonnet-4-5")
    )
    assert four is not None
    assert four_five is not None
    assert (four.model, four_five.model) == ("claude-sonnet-4-0", "claude-sonnet-4-5")
    assert (len(four.tiers), len(four_five.tiers)) == (0, 1)


@given(
    stem=st.sampled_from(["claude-sonnet-4-5", "gpt-5-nano", "kimi-k2.5", "gemini-3-pro-preview"]),
    tail=st.text("abcxyz-@:.0123456789", min_size=1, max_size=9),
)
def test_a_tail_prices_a_family_only_if_it_is_made_of_known_parts(stem: str, tail: str) -> None:
    price = BOOKS.find(stem + tail)
    if price is not None:
        assert price.model.startswith(stem)
        assert not any(letter in tail for letter in "abcxyz.")


def test_a_bare_name_means_the_provider_that_makes_the_model() -> None:
    assert entry("gpt-4o") == "bundled:openai/gpt-4o"
    assert str(entry("openai/gpt-4o", "openrouter")).startswith("bundled:openrouter/openai/gpt-4o@")
    assert entry("gpt-4o", "openrouter") is None  # no id that OpenRouter declares


def test_a_bare_name_sold_at_different_prices_is_ambiguous_and_names_the_sellers() -> None:
    with pytest.raises(AmbiguousModel, match=r"zai/glm-4\.7, zhipuai/glm-4\.7") as one:
        BOOKS.find("glm-4.7")
    assert one.value.model == "glm-4.7"
    assert entry("glm-4.7", "zai") == "bundled:zai/GLM-4.7"
    assert entry("glm-4.7", "zhipuai") == "bundled:zhipuai/GLM-4.7"


def test_each_name_of_an_ambiguity_resolves_it() -> None:
    with pytest.raises(AmbiguousModel) as one:
        BOOKS.find("meta-llama/Llama-3.3-70B-Instruct")
    names = str(one.value).partition("write one of ")[2].partition(", or state")[0].split(", ")
    assert len(names) > 2
    for name in names:
        price = BOOKS.find(name)
        assert price is not None
        assert name.startswith(f"{price.provider}/")


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("claude-opus-4-5", "google", "bundled:google/claude-opus-4-5"),
        ("claude-opus-4-5", "vertex", "bundled:google/claude-opus-4-5"),
        ("anthropic/claude-opus-4-5", "anthropic", "bundled:anthropic/claude-opus-4-5"),
        ("anthropic/claude-sonnet-4.5", "openrouter",
         "bundled:openrouter/anthropic/claude-sonnet-4.5"),
        ("gpt-4o", "azure", "bundled:openai/gpt-4o"),
        ("gpt-4o", "anthropic", None),
        ("gpt-4o", "acme", None),
        ("gpt-4o", "Azure", "bundled:openai/gpt-4o"),
        ("models/gemini-2.5-pro", "Gemini", "bundled:google/gemini-2.5-pro"),
        ("claude-opus-5[1m]", "anthropic", "bundled:anthropic/claude-opus-5"),
        ("claude-opus-5[1m]", "openai", None),
        ("openai/gpt-4o", "anthropic", None),
    ],
)  # fmt: skip
def test_a_given_provider_is_the_only_one_asked(
    model: str, provider: str, found: str | None
) -> None:
    assert entry(model, provider) == found


def test_a_day_selects_the_entry_that_was_in_force() -> None:
    history = BOOKS.history("deepseek-v4-flash")
    assert [price.effective_from for price in history[:4]] == [
        None, date(2026, 8, 17), date(2026, 8, 23), date(2026, 9, 10),
    ]  # fmt: skip
    days = [date(2026, 8, 16), date(2026, 8, 17), date(2026, 8, 22), date(2026, 9, 10)]
    found = [BOOKS.find("deepseek-v4-flash", on=day) for day in days]
    assert found == [history[0], history[1], history[1], history[3]]
    assert BOOKS.find("deepseek-v4-flash") == history[-1]
    assert history[1].entry == "bundled:deepseek/deepseek-v4-flash@2026-08-17"


def test_prices_by_time_of_day_are_held_at_the_most_expensive_of_each_kind() -> None:
    """PRC-11: at the peak, V4 Flash cost twice what it cost else."""
    price = BOOKS.find("deepseek-v4-flash", on=date(2026, 8, 20))
    assert price is not None
    assert price.rates[TokenKind.INPUT] == 440_000_000
    assert price.rates[TokenKind.CACHE_READ] == 14_000_000
    assert price.rates[TokenKind.OUTPUT] == 1_320_000_000


@pytest.mark.parametrize(
    ("model", "instant", "usd_in", "usd_out"),
    [
        ("deepseek-flash", "2026-11-23T02:00", 0.3, 1.2),  # a Monday, at the peak
        ("deepseek-flash", "2026-11-23T12:00", 0.15, 0.6),
        ("deepseek-flash", "2026-11-23T01:00", 0.3, 1.2),
        ("deepseek-flash", "2026-11-23T03:59", 0.3, 1.2),
        ("deepseek-flash", "2026-11-23T04:00", 0.15, 0.6),
        ("deepseek-flash", "2026-11-28T02:00", 0.15, 0.6),  # a Saturday
        ("deepseek-flash", "2026-11-29T07:00", 0.15, 0.6),  # a Sunday
        ("deepseek-flash", "2026-10-01T02:00", 0.15, 0.6),  # a public holiday of China
        ("deepseek-v4-pro", "2026-08-16T02:00", 0.435, 0.87),  # flat before the hours began
        ("deepseek-v4-pro", "2026-08-22T02:00", 1.32, 3.96),  # a Saturday, when all days had them
        ("deepseek-v4-pro", "2026-08-29T02:00", 0.66, 1.98),
        ("deepseek-v4-flash", "2026-08-20T07:00", 0.44, 1.32),
        ("deepseek-v4-flash", "2026-08-20T10:00", 0.22, 0.66),
        ("deepseek-chat", "2025-06-02T12:00", 0.27, 1.1),
        ("deepseek-chat", "2025-06-02T16:30", 0.135, 0.55),
        ("deepseek-chat", "2025-06-02T00:29", 0.135, 0.55),
        ("deepseek-reasoner", "2025-06-02T20:00", 0.135, 0.55),
        ("deepseek-reasoner", "2025-06-02T12:00", 0.55, 2.19),
    ],
)  # fmt: skip
def test_an_instant_has_the_price_of_its_hour(
    model: str, instant: str, usd_in: float, usd_out: float
) -> None:
    """PRC-11."""
    at = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    price = BOOKS.find(model, on=at.date())
    assert price is not None
    rates = price.at(at).rates
    assert rates[TokenKind.INPUT] == round(usd_in * 10**9)
    assert rates[TokenKind.OUTPUT] == round(usd_out * 10**9)


def test_a_name_that_led_to_another_model_has_no_price_from_that_day_on() -> None:
    assert BOOKS.find("deepseek-chat", on=date(2026, 4, 24)) is not None
    assert BOOKS.find("deepseek-chat", on=date(2026, 4, 25)) is None
    assert BOOKS.find("deepseek-chat") is None


@pytest.mark.parametrize(
    ("model", "day", "usd_in"),
    [
        ("gpt-4o-batch", date(2024, 4, 14), None),
        ("gpt-4o-batch", date(2026, 6, 1), 1.25),
        ("gpt-4o-priority", date(2026, 6, 1), None),
        ("gpt-4o-priority", date(2026, 10, 12), 4.25),
        ("claude-haiku-4-5-batch", date(2026, 5, 1), 0.5),
        ("claude-opus-4-6-batch", date(2026, 3, 12), None),  # other standard prices until then
        ("claude-opus-4-6-batch", date(2026, 3, 13), 2.5),
        ("o3-batch", date(2025, 6, 9), None),  # before the cut of the standard price
        ("o3-batch", date(2025, 6, 10), 1.0),
        ("claude-fable-5-2-fast", date(2026, 1, 1), 16.0),  # the source states no first day
    ],
)
def test_a_variant_has_a_price_only_from_a_day_on_which_it_is_known_to_be_sold(
    model: str, day: date, usd_in: float | None
) -> None:
    """PRC-8: the standard price does not stand in for it."""
    price = BOOKS.find(model, on=day)
    assert (price and price.rates[TokenKind.INPUT]) == (usd_in and round(usd_in * 10**9))


@pytest.mark.parametrize(
    ("model", "kind", "usd"),
    [
        ("gpt-audio", TokenKind.INPUT_AUDIO, 32),
        ("gpt-audio", TokenKind.OUTPUT_AUDIO, 64),
        ("gpt-audio-mini", TokenKind.OUTPUT_AUDIO, 20),
        ("gpt-4o-audio-preview-2024-12-17", TokenKind.INPUT_AUDIO, 40),
        ("gpt-realtime-2", TokenKind.INPUT_IMAGE, 5),
        ("gpt-realtime-mini", TokenKind.CACHE_READ_AUDIO, 0.3),
        ("gpt-4o-transcribe", TokenKind.INPUT_AUDIO, 6),
        ("gpt-image-1", TokenKind.OUTPUT_IMAGE, 40),
        ("gpt-image-1.5", TokenKind.OUTPUT_IMAGE, 32),
        ("gemini-2.5-flash", TokenKind.INPUT_AUDIO, 1),
        ("gemini-2.5-flash", TokenKind.INPUT_VIDEO, 0.3),
        ("gemini-2.5-pro", TokenKind.INPUT_AUDIO, 1.25),
        ("gemini-2.5-flash-image", TokenKind.OUTPUT_IMAGE, 30),
        ("gemini-3-pro-image-preview", TokenKind.OUTPUT_IMAGE, 120),
        ("gemini-embedding-2", TokenKind.INPUT_VIDEO, 12),
        ("gemini-omni-flash-preview", TokenKind.OUTPUT_VIDEO, 17.5),
        ("gemini-2.5-flash-tts", TokenKind.OUTPUT_AUDIO, 10),
        ("claude-opus-5", TokenKind.INPUT_IMAGE, 5),
        ("openrouter/google/gemini-2.5-flash-image", TokenKind.OUTPUT_IMAGE, 30),
        ("gpt-4o", TokenKind.FILE_SEARCH, 2_500),
        ("gpt-4o", TokenKind.CODE_CONTAINER, 30_000),
    ],
)
def test_a_modality_and_a_tool_have_a_rate_of_their_own(
    model: str, kind: TokenKind, usd: float
) -> None:
    price = BOOKS.find(model)
    assert price is not None
    assert price.rates[kind] == round(usd * 10**9)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-opus-5", "gpt-4o-mini-audio-preview"])
def test_what_nobody_prices_has_no_rate(model: str) -> None:
    price = BOOKS.find(model)
    assert price is not None
    assert TokenKind.OUTPUT_VIDEO not in price.rates


@pytest.mark.parametrize(
    "model", ["whisper-1", "voxtral-small-latest", "perplexity/sonar-deep-research", "gpt-live-1"]
)
def test_a_model_with_a_unit_that_no_record_counts_has_no_price(model: str) -> None:
    """PRC-8: hours of audio and tokens of citations are not text."""
    assert BOOKS.find(model) is None


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("gpt-4o", "azure", "bundled:openai/gpt-4o"),
        ("gpt-35-turbo", "azure", "bundled:openai/gpt-3.5-turbo"),
        ("grok-4", "azure", "bundled:x-ai/grok-4-0709"),
        ("kimi-k2-thinking", "azure", "bundled:moonshotai/kimi-k2-thinking"),
        ("Kimi-K2-Thinking", "azure", "bundled:moonshotai/kimi-k2-thinking"),
        ("claude-opus-5", "azure", "bundled:anthropic/claude-opus-5"),
        ("deepseek-v3.2", "azure", None),
        ("deepseek-v4-pro", "azure", None),
        ("grok-3-mini", "azure", None),
        ("gpt-audio", "azure", None),  # 40 and 80 there
        ("gpt-4-turbo", "azure", None),
        ("gpt-oss-120b", "azure", None),
        ("gpt-4o-batch", "azure", None),
        ("eu/gpt-4o", "azure", None),
        ("us/gpt-5.4", "azure", None),
        ("global/gpt-4o-2024-11-20", "azure", "bundled:openai/gpt-4o"),
        ("azure/global-standard/gpt-4o", None, "bundled:openai/gpt-4o"),
        ("us.amazon.nova-lite-v1:0", "aws", "bundled:aws/amazon.nova-lite-v1:0"),
        ("eu.amazon.nova-lite-v1:0", "aws", None),
        ("apac.amazon.nova-pro-v1:0", "aws", None),
        ("jp.amazon.nova-2-lite-v1:0", "aws", None),
        ("eu-west-2/meta.llama3-8b-instruct-v1:0", "aws", None),
        ("us-west-2/meta.llama3-8b-instruct-v1:0", "aws",
         "bundled:aws/meta.llama3-8b-instruct-v1:0"),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", None),
        ("bedrock/us-gov-west-1/anthropic.claude-opus-5", None, None),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "aws",
         "bundled:aws/regional.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("arn:aws:bedrock:sa-east-1::foundation-model/meta.llama3-8b-instruct-v1:0", "aws", None),
        ("projects/p/locations/us-east5/publishers/anthropic/models/claude-opus-5", "google", None),
        ("projects/p/locations/global/publishers/anthropic/models/claude-opus-5", "google",
         "bundled:google/claude-opus-5"),
    ],
)  # fmt: skip
def test_a_host_and_a_region_have_a_price_only_where_it_is_known(
    model: str, provider: str | None, found: str | None
) -> None:
    """PRC-8: the maker's price stands in only where both were found equal."""
    assert entry(model, provider) == found


def test_a_host_is_not_known_to_have_asked_what_the_maker_asked_before() -> None:
    """They were compared on one day."""
    assert BOOKS.find("gpt-5.6-sol", provider="azure", on=date(2026, 8, 20)) is None
    assert BOOKS.find("gpt-5.6-sol", provider="openai", on=date(2026, 8, 20)) is not None
    assert BOOKS.find("gpt-5.6-sol", provider="azure", on=date(2026, 8, 21)) is not None


def test_a_tool_of_a_host_has_no_price_of_the_maker() -> None:
    price = BOOKS.find("gpt-4o", provider="azure")
    assert price is not None
    assert TokenKind.FILE_SEARCH not in price.rates
    assert TokenKind.WEB_SEARCH not in price.rates


def test_a_free_id_of_openrouter_costs_nothing_and_no_other_seller_has_one() -> None:
    free = BOOKS.find("acme/new-model:free", provider="openrouter")
    assert free is not None
    assert set(free.rates.values()) == {0}
    assert TokenKind.WEB_SEARCH not in free.rates
    assert BOOKS.find("acme/new-model:free", provider="together") is None
    assert BOOKS.find("acme/new-model:free") is None
    assert BOOKS.find("openai/gpt-4o:nitro", provider="openrouter") is None
    assert BOOKS.find("openai/gpt-4o:online", provider="openrouter") is None


@pytest.mark.parametrize(
    ("model", "provider", "how"),
    [
        ("gpt-4o", None, How.EXACT_ID),
        ("gpt-4o-2024-08-06", None, How.ALIAS),
        ("claude-sonnet-4-5-20250929", "anthropic", How.FAMILY),
        ("claude-fable-5-20260101", "anthropic", How.PATTERN),
        ("gpt-4o", "azure", How.EQUAL_AT_HOST),
        ("house", None, How.OWN_KEY),
    ],
)
def test_a_match_says_by_what_it_answers(model: str, provider: str | None, how: How) -> None:
    """PRC-10."""
    match = PriceBooks([own("house")]).explain(model, provider=provider, on=date(2026, 11, 1))
    assert match.price is not None
    assert match.how is how
    assert match.price in match.history
    assert match.nearest == ()


def test_a_match_names_the_variants_and_what_is_close() -> None:
    assert BOOKS.explain("gpt-4o").variants == ("batch", "fast", "priority")
    assert BOOKS.explain("gpt-4o", provider="azure").variants == ()
    batch = BOOKS.explain("gpt-4o-batch", on=date(2023, 1, 1))
    assert (batch.price, batch.how) == (None, How.EXACT_ID)
    nothing = BOOKS.explain("gtp-4o")
    assert (nothing.price, nothing.how, nothing.history) == (None, None, ())
    assert nothing.nearest[0] == "openai/gpt-4o"


def test_a_fast_or_batch_call_has_its_own_price_or_none() -> None:
    fast = BOOKS.find("claude-opus-5-20260401-fast", provider="anthropic")
    assert fast is not None
    assert (fast.model, fast.rates[TokenKind.OUTPUT]) == ("claude-opus-5-fast", 50_000_000_000)
    batch = BOOKS.find("claude-sonnet-4-5-20250929-batch", on=date(2026, 10, 14))
    assert batch is not None
    assert batch.rates[TokenKind.INPUT] == 1_500_000_000
    assert batch.tiers == ()
    earlier = BOOKS.find("claude-sonnet-4-5-20250929-batch", on=date(2026, 4, 30))
    assert earlier is not None
    assert earlier.tiers[0].rates[TokenKind.INPUT] == 3_000_000_000
    assert BOOKS.find("claude-sonnet-4-5-20250929-fast") is None
    assert BOOKS.find("composer-2.5-fast", provider="cursor") == BOOKS.find("composer-2.5-fast")


def test_reasoning_costs_as_output_unless_the_source_says_otherwise() -> None:
    plain = BOOKS.find("o3")
    assert plain is not None
    assert plain.rates[TokenKind.REASONING] == plain.rates[TokenKind.OUTPUT]


def test_the_own_entry_replaces_the_bundled_one_and_does_not_merge_with_it() -> None:
    books = PriceBooks([own("anthropic/claude-sonnet-4-5")])
    for model, provider in (
        ("anthropic/claude-sonnet-4-5", None),
        ("claude-sonnet-4-5", "anthropic"),
        ("claude-sonnet-4-5", None),
    ):
        price = books.find(model, provider=provider)
        assert price is not None
        assert (price.book, price.rates, price.tiers) == ("user", CHEAP, ())
    assert entry("claude-sonnet-4-5", "google", books) == "bundled:google/claude-sonnet-4-5"


def test_an_own_entry_answers_no_name_that_merely_looks_like_its_own() -> None:
    books = PriceBooks([own("anthropic/claude-haiku-4-5"), own("house")])
    assert entry("claude-haiku-4", None, books) is None
    assert entry("house-2", None, books) is None
    assert entry("House", None, books) is None


def test_the_mark_of_the_long_context_does_not_lead_past_an_own_entry() -> None:
    books = PriceBooks([own("claude-opus-5"), own("anthropic/house"), own("house[1m]", DEAR)])
    assert entry("claude-opus-5[1m]", None, books) == "user:claude-opus-5"
    assert entry("claude-opus-5[1m]", "anthropic", books) == "user:claude-opus-5"
    assert entry("house[1m]", None, books) == "user:house[1m]"
    assert entry("house", None, books) == "user:anthropic/house"


def test_a_bare_own_key_answers_any_provider() -> None:
    books = PriceBooks([own("house")])
    asked = [("house", None), ("house", "anthropic"), ("house", "acme"), ("openai/house", None)]
    assert [entry(model, provider, books) for model, provider in asked] == ["user:house"] * 4
    assert entry("acme/house", None, books) is None


def test_an_own_key_with_its_provider_beats_a_bare_one() -> None:
    books = PriceBooks([own("house"), own("acme/house", DEAR)])
    assert entry("house", "acme", books) == "user:acme/house"
    assert entry("acme/house", None, books) == "user:acme/house"
    assert entry("house", "other", books) == "user:house"
    assert entry("house", None, books) == "user:house"


@pytest.mark.parametrize("biller", [None, "openrouter", "openai", "anthropic", "acme"])
def test_the_exact_id_of_an_own_key_wins_whoever_bills(biller: str | None) -> None:
    """PRC-10."""
    books = PriceBooks([own("anthropic/claude-sonnet-4"), own("test/model")])
    found = entry("anthropic/claude-sonnet-4", biller, books)
    assert found == "user:anthropic/claude-sonnet-4"
    assert entry("test/model", biller, books) == "user:test/model"
    assert books.history("test/model", provider=biller)[0].entry == "user:test/model"


def test_only_a_key_that_names_the_biller_too_beats_the_exact_id() -> None:
    books = PriceBooks([own("test/model"), own("openrouter/test/model", DEAR)])
    assert entry("test/model", "openrouter", books) == "user:openrouter/test/model"
    assert entry("test/model", "openai", books) == "user:test/model"
    assert entry("model", "openai", books) is None


def test_a_provider_may_be_spelled_differently_in_the_config_and_in_the_log() -> None:
    books = PriceBooks([own("gemini/house")])
    assert entry("house", "google", books) == "user:gemini/house"
    assert entry("vertex/house", None, books) == "user:gemini/house"


def test_a_bare_name_with_own_prices_of_two_providers_is_ambiguous_only_if_they_differ() -> None:
    same = PriceBooks([own("b/house"), own("a/house")])
    assert entry("house", None, same) == "user:a/house"
    with pytest.raises(AmbiguousModel, match=r"a/house, b/house"):
        PriceBooks([own("b/house"), own("a/house", DEAR)]).find("house")


@pytest.mark.parametrize("kind", list(TokenKind))
def test_own_prices_that_differ_in_one_kind_alone_are_ambiguous(kind: TokenKind) -> None:
    cheap = {one: 1 for one in TokenKind}
    books = PriceBooks([own("a/house", cheap), own("b/house", cheap | {kind: 2})])
    with pytest.raises(AmbiguousModel, match=r"a/house, b/house"):
        books.find("house")


def test_before_the_first_day_of_an_own_entry_the_bundled_price_holds() -> None:
    start = date(2026, 8, 20)
    books = PriceBooks([own("deepseek/deepseek-v4-flash", CHEAP, start)])
    assert [price.entry for price in books.history("deepseek-v4-flash")] == [
        "bundled:deepseek/deepseek-v4-flash",
        "bundled:deepseek/deepseek-v4-flash@2026-08-17",
        "user:deepseek/deepseek-v4-flash@2026-08-20",
    ]
    before = books.find("deepseek-v4-flash", on=date(2026, 8, 19))
    assert before is not None
    assert before.book == "bundled"


def test_an_own_entry_of_the_day_of_a_bundled_one_takes_its_place() -> None:
    day = date(2026, 9, 10)
    books = PriceBooks([own("deepseek/deepseek-v4-flash", CHEAP, day)])
    history = books.history("deepseek-v4-flash")
    assert [one.book for one in history if one.effective_from == day] == ["user"]


def test_a_dated_own_entry_of_an_ambiguous_name_leaves_only_the_days_before_unpriced() -> None:
    books = PriceBooks([own("glm-4.7", CHEAP, date(2026, 9, 1))])
    assert books.find("glm-4.7", on=date(2026, 8, 31)) is None
    assert books.find("glm-4.7", on=date(2026, 9, 1)) is not None


def test_own_entries_of_one_model_follow_each_other_by_day() -> None:
    first, second = own("house"), own("house", DEAR, date(2026, 5, 1))
    books = PriceBooks([second, first])
    assert books.history("house") == (first, second)
    assert books.find("house", on=date(2026, 4, 30)) == first
    assert books.find("house", on=date(2026, 5, 1)) == second


def test_a_wrong_name_is_answered_with_names_that_have_a_price() -> None:
    books = PriceBooks([own("acme/house-model")])
    assert books.resembling("claude-sonet-4-5")[0] == "anthropic/claude-sonnet-4-5"
    assert books.resembling("openai/gtp-4o")[0] == "openai/gpt-4o"
    assert books.resembling("acme/hose-model")[0] == "acme/house-model"
    assert books.resembling("nimbus-1-preview") == ()
    for name in books.resembling("claude-sonet-4-5"):
        assert books.find(name) is not None


def test_an_own_price_is_found_without_reading_the_bundled_book() -> None:
    program = (
        "import corvus.prices.book as book\n"
        "book.BOOK_PATH = book.BOOK_PATH.with_name('absent.json')\n"
        "from corvus.model.price import Price\n"
        "from corvus.prices.lookup import PriceBooks\n"
        "books = PriceBooks([Price('acme', 'house', 'user', 'user:acme/house', {})])\n"
        "assert books.find('acme/house') and books.find('house', provider='acme')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_price_of_every_config_seen_in_the_wild_is_found_or_plainly_absent() -> None:
    if not CONFIGS.is_dir():
        pytest.skip("the configs of strangers are not beside this checkout")
    names: set[str] = set()
    for path in CONFIGS.glob("*.toml"):
        try:
            loaded = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        names |= set(loaded.get("cost", {}).get("prices", {}))
    assert len(names) > 10
    unpriced = {name for name in names if BOOKS.find(name) is None}
    assert unpriced == {
        "anthropic",  # a table too deep, told as nested-price
        "openrouter/gpt-4o-mini",  # no id that OpenRouter declares
        "zai-cn/glm-4.6v",
        "zai/glm-5-turbo",
    }


@pytest.mark.parametrize("provider", [None, "openai"])
@pytest.mark.parametrize("name", ["gpt-5-2025-08-07", "openai/gpt-5-2025-08-07"])
def test_an_own_price_answers_for_the_names_under_which_the_book_knows_its_model(
    name: str, provider: str | None
) -> None:
    """PRC-4: answers spell models out, and a governed agent could choose the bundled price so."""
    books = PriceBooks([own("gpt-5", DEAR)])
    assert entry(name, provider, books) == "user:gpt-5"
    assert books.explain(name, provider=provider).how is How.OWN_ALIAS
    assert entry("gpt-5-mini", provider, books) == "bundled:openai/gpt-5-mini"


def test_names_of_one_model_are_one_whichever_the_author_wrote() -> None:
    books = PriceBooks([own("anthropic/claude-sonnet-4", DEAR)])
    assert entry("claude-sonnet-4-20250514", "anthropic", books) == "user:anthropic/claude-sonnet-4"
    assert entry("claude-sonnet-4-20250514", None, books) == "user:anthropic/claude-sonnet-4"
    several = PriceBooks([own("gpt-5"), own("gpt-5-2025-08-07", DEAR)])
    assert entry("gpt-5-2025-08-07", None, several) == "user:gpt-5-2025-08-07"
    assert entry("gpt-5", None, several) == "user:gpt-5"


def test_a_dated_model_with_an_entry_of_its_own_is_another_model() -> None:
    books = PriceBooks([own("gpt-4o", DEAR)])
    assert entry("gpt-4o-2024-05-13", None, books) == "bundled:openai/gpt-4o-2024-05-13"
    assert entry("gpt-4o-2024-08-06", None, books) == "user:gpt-4o"


@pytest.mark.parametrize("name", ["gpt-5-priority", "gpt-5-batch", "gpt-5-2025-08-07-flex"])
def test_another_tier_of_an_own_price_is_the_authors_to_state(name: str) -> None:
    """PRC-8: the bundled price of a tier belongs to another usual price."""
    assert entry(name, "openai", PriceBooks([own("gpt-5", DEAR)])) is None
    stated = PriceBooks([own("gpt-5", DEAR), own("gpt-5-priority")])
    assert entry("gpt-5-priority", None, stated) == "user:gpt-5-priority"


def test_before_a_dated_own_price_the_bundled_tiers_hold() -> None:
    since = date(2026, 11, 10)
    books = PriceBooks([own("gpt-5", DEAR, since)])
    before = books.find("gpt-5-priority", on=date(2026, 11, 9))
    assert before is not None
    assert before.book == "bundled"
    assert books.find("gpt-5-priority", on=since) is None
