"""What a check assumes where nothing is said stands in two places, which agree."""

from __future__ import annotations

from corvus.cli.check import Arguments, parse
from corvus.cli.check_options import parser_of_check


def stated(arguments: Arguments) -> dict[str, object]:
    names = vars(parser_of_check().parse_args([]))
    return {name: getattr(arguments, name) for name in names}


def test_without_argparse_the_same_holds_as_the_parser_says() -> None:
    parsed = parser_of_check().parse_args(["x"])
    assert stated(parse(["x"])) == vars(parsed)


def test_options_lead_to_the_parser() -> None:
    arguments = parse(["-", "--strict", "x"])
    assert arguments.path == ["-", "x"]
    assert arguments.fail_on == "warning"
    assert arguments.stdin_filename == "<stdin>"
