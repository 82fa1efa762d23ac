"""The codes of problems with settings outside files: variables and ``--set`` (CFG-5)."""

from __future__ import annotations

from corvus.diagnostics.code_info import CodeInfo
from corvus.diagnostics.model import Severity

CODES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "unknown-variable",
        Severity.ERROR,
        "an environment variable CORVUS_... that sets nothing",
        "Settings may come from variables: the key in upper case, with two underscores between its "
        "parts. A misspelt one would set nothing without a word, so that a limit its author "
        "believes in would not exist. Its value is never repeated. `corvus check` judges files "
        "alone and reads no variables.",
        "The variable CORVUS_COST_DAILY_LIMIT_USD is set: one underscore where two belong.",
        "The variable CORVUS_COST__DAILY_LIMIT_USD is set.",
        "Take the suggested name, or unset the variable. Prices are set by one variable with a "
        "whole table, and so is an array, because names of models have characters and a case that "
        "variables lack.",
        bad_is_text=False,
    ),
    CodeInfo(
        "invalid-assignment",
        Severity.ERROR,
        "a --set that is not KEY=VALUE",
        "The command line sets single keys above every file and variable. It takes the key as TOML "
        "writes it, an equals sign, and the value as TOML writes it; a word that is no TOML value "
        "is a string.",
        "--set cost.daily_limit_usd 25 is given, with a space.",
        "--set cost.daily_limit_usd=25 is given.",
        "Write KEY=VALUE. Quote a name that has a dot, and protect the quotes from the shell. Give "
        "an array as a whole: no item of it can be set alone.",
        bad_is_text=False,
    ),
)
