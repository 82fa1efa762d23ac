"""Bodies in an encoding: what is read of them, and what is refused (PRX-1)."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls import encodings
from corvus.calls.encodings import (
    ENCODINGS_MAX,
    PIECE_BYTES,
    WINDOW_BYTES_MAX,
    DecodedTooLarge,
    EncodingBroken,
    EncodingUnknown,
    decoded,
    decoding,
    encodings_of,
    readable,
)
from tests import packers
from tests.packers import Pack

LIMIT = 4 * 1024 * 1024
BODY = b'{"model": "m", "messages": []}' * 40
EMPTY_FRAME = zstandard.ZstdCompressor().compress(b"")
SKIPPED_FRAME = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def without_size(data: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compressobj()
    return stream.compress(data) + stream.flush()


PACKERS: list[tuple[str, Pack]] = [
    *packers.PACKERS.items(),
    ("deflate", raw_deflate),
    ("zstd", without_size),
]


@pytest.mark.parametrize(("name", "pack"), PACKERS)
@pytest.mark.parametrize("body", [BODY, b"", b"x", bytes(LIMIT)])
def test_each_encoding_is_undone(name: str, pack: Pack, body: bytes) -> None:
    assert decoded(name, pack(body), LIMIT) == body


@pytest.mark.parametrize(("name", "pack"), PACKERS)
def test_what_cannot_be_made_smaller_comes_back_too(name: str, pack: Pack) -> None:
    body = random.Random(19).randbytes(700_001)
    assert decoded(name, pack(body), LIMIT) == body


@given(st.sampled_from(PACKERS), st.binary(min_size=1, max_size=4000), st.data())
def test_cut_or_continued_data_is_refused(
    packer: tuple[str, Pack], body: bytes, data: st.DataObject
) -> None:
    """A cut is refused wherever it is, and so is one byte more."""
    name, pack = packer
    packed = pack(body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    for wrong in (packed[:cut], packed + data.draw(st.binary(min_size=1, max_size=30))):
        try:
            found = decoded(name, wrong, LIMIT)
        except EncodingBroken:
            continue
        # what followed happened to be a member or frame of its own
        assert len(wrong) > len(packed)
        assert found.startswith(body)


@given(st.sampled_from(readable()), st.binary(min_size=1, max_size=2000))
def test_noise_is_refused_or_read_within_the_limit(name: str, noise: bytes) -> None:
    try:
        assert len(decoded(name, noise, 10_000)) <= 10_000
    except (EncodingBroken, DecodedTooLarge):
        return


@pytest.mark.parametrize("name", readable())
def test_a_plain_body_is_in_no_encoding(name: str) -> None:
    with pytest.raises(EncodingBroken, match=name):
        decoded(name, BODY, LIMIT)


def test_members_of_gzip_and_frames_of_zstd_are_put_together() -> None:
    assert decoded("gzip", gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), 9) == (
        b"ab"
    )
    packed = zstandard.ZstdCompressor().compress
    frames = EMPTY_FRAME + without_size(b"a") + SKIPPED_FRAME + packed(b"b") + EMPTY_FRAME
    assert decoded("zstd", frames, 9) == b"ab"


def test_zeros_behind_the_end_are_no_padding() -> None:
    for name, pack in PACKERS:
        with pytest.raises(EncodingBroken):
            decoded(name, pack(BODY) + bytes(8), LIMIT)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", ()),
        ("identity", ()),
        (" , Identity,", ()),
        ("GZip", ("gzip",)),
        ("x-gzip", ("gzip",)),
        ("\tZSTD ", ("zstd",)),
        ("gzip, br", ("br", "gzip")),
        ("gzip,identity,br", ("br", "gzip")),
    ],
)
def test_the_names_are_read_in_any_case_and_undone_backwards(
    header: str, names: tuple[str, ...]
) -> None:
    assert encodings_of(header) == names


@pytest.mark.parametrize(
    "header",
    ["lzma", "compress", "gzip;q=1", "gzip br", "aws-chunked", "gzip, lzma", "gzip," * 5, "*"],
)
def test_what_is_not_read_is_refused_with_what_is(header: str) -> None:
    with pytest.raises(EncodingUnknown) as refused:
        encodings_of(header)
    assert all(name in str(refused.value) for name in ("gzip", "deflate", "br", "zstd"))
    assert header.count(",") < 5 or str(ENCODINGS_MAX) in str(refused.value)


def test_encodings_upon_each_other_are_undone_in_order() -> None:
    packed = packers.PACKERS["br"](gzip.compress(BODY))
    assert decoded("gzip, br", packed, LIMIT) == BODY
    with pytest.raises(EncodingBroken):
        decoded("br, gzip", packed, LIMIT)


@pytest.mark.parametrize(("name", "pack"), PACKERS)
def test_a_bomb_is_decoded_no_further_than_the_limit(name: str, pack: Pack) -> None:
    sizes: list[int] = []
    bomb = pack(bytes(16 * 1024 * 1024))
    assert len(bomb) < 100_000
    pieces = decoding(name, bomb, LIMIT)
    with pytest.raises(DecodedTooLarge):
        sizes.extend(map(len, pieces))
    assert sum(sizes) <= LIMIT
    assert max(sizes) <= 2 * PIECE_BYTES
    assert decoded(name, pack(bytes(LIMIT)), LIMIT) == bytes(LIMIT)
    with pytest.raises(DecodedTooLarge):
        decoded(name, pack(bytes(LIMIT + 1)), LIMIT)


def test_a_bomb_inside_another_encoding_is_bounded_too() -> None:
    inner = gzip.compress(bytes(16 * 1024 * 1024))
    with pytest.raises(DecodedTooLarge):
        decoded("gzip, br", packers.PACKERS["br"](inner), LIMIT)
    with pytest.raises(DecodedTooLarge):
        decoded("gzip, br", packers.PACKERS["br"](gzip.compress(b"x") * 300_000), LIMIT)


def test_pieces_that_hold_nothing_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "PARTS_MAX", 50)
    for name, part in (("gzip", gzip.compress(b"")), ("zstd", EMPTY_FRAME)):
        assert decoded(name, part * 50, LIMIT) == b""
        with pytest.raises(EncodingBroken, match="50"):
            decoded(name, part * 51, LIMIT)


def test_blocks_that_hold_nothing_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "BLOCKS_MAX", 9)
    stream = zstandard.ZstdCompressor().compressobj()
    pieces = [
        stream.compress(b"x") + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for _ in range(10)
    ]
    with pytest.raises(EncodingBroken, match="blocks"):
        decoded("zstd", b"".join(pieces) + stream.flush(), LIMIT)


def test_a_window_of_zstd_is_bounded_by_the_rfc_or_by_the_limit() -> None:
    """A frame that states its size may be its own window; another may not claim 128 MiB."""
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = stream.compress(BODY) + stream.flush()
    assert zstandard.get_frame_parameters(packed).window_size > WINDOW_BYTES_MAX
    with pytest.raises(EncodingBroken, match="window"):
        decoded("zstd", packed, LIMIT)
    own = zstandard.ZstdCompressor(level=22).compress(bytes(12_000_000))
    assert decoded("zstd", own, 16_000_000) == bytes(12_000_000)


def test_a_wrong_checksum_is_refused() -> None:
    for name, pack in (("gzip", gzip.compress), ("zstd", without_size), ("deflate", zlib.compress)):
        packed = bytearray(pack(BODY))
        packed[-5 if name == "gzip" else -1] ^= 1
        with pytest.raises(EncodingBroken):
            decoded(name, bytes(packed), LIMIT)


def test_an_encoding_whose_library_is_missing_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None: ...

    monkeypatch.setattr(encodings, "find_spec", nothing)
    assert readable() == ("gzip", "deflate")
    with pytest.raises(EncodingUnknown, match="gzip, deflate,"):
        encodings_of("br")


def test_an_empty_body_holds_nothing() -> None:
    for name in readable():
        assert decoded(name, b"", LIMIT) == b""
