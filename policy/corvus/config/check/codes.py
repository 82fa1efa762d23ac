"""The registry of every diagnostic code (DIA-4), and the codes that have no rule of their own.

A code that is not here cannot be explained, so ``lookup`` refuses it. Codes of documents that are
not TOML stand in ``corvus.config.toml.codes``, those of rules with the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from corvus.config.check.codes_elsewhere import OF_DOCUMENTS, OF_TESTS
from corvus.config.check.rules import ON_ONE_LAYER, RULES, load
from corvus.config.toml import codes as document_codes
from corvus.diagnostics.codes import CodeInfo, Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_GOOD_COMMENT: Final = (
    "[cost]\nwarn_at_percent = 100 # corvus: ignore[extreme-threshold] paged by hand\n"
)

_SETTINGS: Final = (
    CodeInfo(
        "unknown-key",
        _ERROR,
        "a key or table that the file may not have",
        "A misspelt key would leave its default in force without a word: a limit that its author "
        "believes in would not exist. Governed tables therefore refuse every key they do not know, "
        "and so does the top level of the file for its dialect.",
        "[cost]\ndayly_limit_usd = 5\n",
        "[cost]\ndaily_limit_usd = 5\n",
        "Take the suggested spelling, move the key to the table it belongs to, or remove it. When "
        "the file belongs to an agent runtime, check it with that --dialect.",
    ),
    CodeInfo(
        "missing-key",
        _ERROR,
        "a table lacks a key it must have",
        "Some tables mean nothing without certain keys: a price has an input and an output side, a "
        "budget a name, a period or window, and a limit in one unit. A missing price is never "
        "taken for free.",
        '[cost.prices."my-model"]\ninput = 3\n',
        '[cost.prices."my-model"]\ninput = 3\noutput = 15\n',
        "Add the key. For a price, write 0 only if that kind of token is really free.",
    ),
    CodeInfo(
        "conflicting-keys",
        _ERROR,
        "keys of a budget that exclude each other",
        "A budget counts in one unit, over one period or window, and has its thresholds in one "
        "place. With two of them nobody could say which one is meant.",
        '[[cost.budgets]]\nname = "team"\nperiod = "day"\nlimit_usd = 20\nlimit_calls = 500\n',
        '[[cost.budgets]]\nname = "team"\nperiod = "day"\nlimit_usd = 20\n\n'
        '[[cost.budgets]]\nname = "team-calls"\nperiod = "day"\nlimit_calls = 500\n',
        "Remove one of the keys; write a second budget where both limits are meant.",
    ),
    CodeInfo(
        "duplicate-item",
        _ERROR,
        "an item that a list has twice",
        "Attributes of per, thresholds, rungs and models to downgrade to count once each. The "
        "second is most often a typing error for another.",
        '[[cost.budgets]]\nname = "team"\nperiod = "day"\nlimit_usd = 5\nper = ["user", "user"]\n',
        '[[cost.budgets]]\nname = "team"\nperiod = "day"\nlimit_usd = 5\nper = ["user", "model"]\n',
        "Remove it, or write what was meant.",
    ),
    CodeInfo(
        "wrong-type",
        _ERROR,
        "a value of another TOML type",
        'Types are strict: "5" is no number, 1 is no boolean, and 80.0 is no integer. Converting '
        "silently would hide what the author meant. An integer is accepted where a number with "
        "decimals is expected.",
        '[cost]\ndaily_limit_usd = "25"\n',
        "[cost]\ndaily_limit_usd = 25\n",
        "Write the value in the type the message names: quotes make a string, a decimal point a "
        "float, true and false are booleans.",
    ),
    CodeInfo(
        "out-of-range",
        _ERROR,
        "a number outside its bounds",
        "Numbers have bounds, and inf and nan are never amounts. For limits in USD or cents, 0 "
        "switches the limit off; for max_actions_per_hour, 0 blocks every action.",
        "[cost]\nwarn_at_percent = 150\n",
        "[cost]\nwarn_at_percent = 90\n",
        "Choose a number within the bounds of the message. For no limit write 0, not -1 or inf.",
    ),
    CodeInfo(
        "too-many-decimals",
        _ERROR,
        "an amount finer than one nano-USD",
        "Amounts are exact integers of nano-USD (0.000000001 USD) inside. A finer amount could "
        "only be kept by rounding it behind the author's back.",
        "[cost]\ndaily_limit_usd = 0.1234567891\n",
        "[cost]\ndaily_limit_usd = 0.123456789\n",
        "Round the amount to at most 9 decimal places.",
    ),
    CodeInfo(
        "native-only-key",
        _ERROR,
        "a key of corvus.toml in the file of the corvus runtime",
        "The corvus agent runtime refuses to start with a key it does not know, and some keys "
        "exist only for this toolkit. A file that is checked as the runtime's must work there.",
        'default_temperature = 0.7\n\n[audio]\n\n[cost]\nunpriced_models = "warn"\n',
        '[cost]\nunpriced_models = "warn"\n',
        "Move the key to a corvus.toml of its own and layer it on top of the runtime's file. When "
        "no runtime reads this file, check it with --dialect native.",
    ),
    CodeInfo(
        "runtime-only-key",
        _ERROR,
        "a key that the runtime sets itself",
        "config_path and workspace_dir are known only while the corvus runtime runs; it refuses a "
        "file that has them.",
        'A file checked with --dialect corvus has workspace_dir = "/srv/agent".',
        "The same file without that line.",
        "Remove the line.",
        bad_is_text=False,
    ),
    CodeInfo(
        "invalid-severity",
        _ERROR,
        "a severity for what has none to choose",
        "[governance.check.severity] says how much the warnings and notes of a code matter. A code "
        "that there is not would change nothing, without a word; and an error cannot be lowered: "
        "the check would pass a file that every other command refuses.",
        '[governance.check.severity]\nlimit-nevr-binds = "error"\n',
        '[governance.check.severity]\nlimit-never-binds = "error"\n',
        "Take the suggested code, or remove the line; corvus explain lists every code.",
    ),
    CodeInfo(
        "unusable-settings",
        _ERROR,
        "a corvus.toml whose settings of the checker cannot be used",
        "The nearest corvus.toml with a table [governance.check] says what is left out and how "
        "much findings matter. When it is broken a check of other files would follow half of it, "
        "so the exit code is 2. When that file is checked itself, its own findings say what is "
        "wrong.",
        "corvus check agents/a.toml, below a corvus.toml with a syntax error.",
        "The same after corvus.toml was mended.",
        "Check that corvus.toml, and mend what is reported.",
        bad_is_text=False,
    ),
    CodeInfo(
        "no-file-matched",
        _ERROR,
        "an argument that stands for no file",
        "A pattern that matches nothing, or a directory without a config that corvus knows, is "
        "most often a typing error. In CI it must not look like a clean result, so the exit code "
        "is 2.",
        "corvus check 'config/*.tmol'",
        "corvus check 'config/*.toml'",
        "Name a file, a directory that holds one, or a pattern that matches one.",
        bad_is_text=False,
    ),
)
"""Found by the settings model, by the dialect of a file, or before a file was read."""

ABOVE_FILES: Final = (
    CodeInfo(
        "unknown-variable",
        _ERROR,
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
        _ERROR,
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
    CodeInfo(
        "unused-baseline",
        _WARNING,
        "an entry of a baseline that accepts more than there is",
        "The problem was mended, or its file is gone. Left in place the entry would accept the "
        "next problem of that code without a word.",
        "The baseline accepts 2 extreme-threshold in a.toml, which has 1 by now.",
        "The same after the baseline was written again.",
        "Run corvus check with --baseline FILE --write-baseline.",
        bad_is_text=False,
    ),
)
"""Problems outside configs: variables and ``--set`` (CFG-5), and baselines."""

_COMMENTS: Final = (
    CodeInfo(
        "ignore-refused",
        _WARNING,
        "a comment that asks to ignore what cannot be ignored",
        "Warnings and notes can be ignored, and so can unknown-key: such a key is passed over as "
        "if it were not there. Any other error makes the file unusable, and a check that hid it "
        "would let through what every other command refuses.",
        "# corvus: ignore-file[out-of-range] we know\n[cost]\nwarn_at_percent = 80\n",
        _GOOD_COMMENT,
        "Mend the error and remove the comment.",
    ),
    CodeInfo(
        "ignore-unknown-code",
        _WARNING,
        "a comment that names no code of corvus",
        "A comment with a misspelt code, or with none, ignores nothing. There is no way to ignore "
        "everything at once.",
        "[cost]\nwarn_at_percent = 80 # corvus: ignore[extreme-treshold] paged by hand\n",
        _GOOD_COMMENT,
        "Take the suggested spelling; corvus explain lists every code.",
    ),
    CodeInfo(
        "ignore-without-reason",
        _WARNING,
        "a comment that ignores a code and does not say why",
        "Whoever reads the file next must be able to judge whether the reason still holds. Without "
        "one, or with a placeholder such as `say why` or `todo`, the comment has no effect.",
        "# corvus: ignore-file[extreme-threshold]\n[cost]\nwarn_at_percent = 80\n",
        _GOOD_COMMENT,
        "Write the reason behind the bracket.",
    ),
    CodeInfo(
        "unused-ignore",
        _WARNING,
        "a comment that ignores what is not there",
        "The problem was mended, or the comment stands at another line than the problem. Left in "
        "place it would hide the next problem of that code. A comment counts at the end of the "
        "line it is about or on a line of its own above it; ignore-file counts before the first "
        "key.",
        "[cost]\nwarn_at_percent = 80 # corvus: ignore[extreme-threshold] paged by hand\n",
        _GOOD_COMMENT,
        "Remove the comment, or move it to the line of the problem.",
    ),
)
"""Comments that ignore a diagnostic and have no effect. None of them can be ignored itself."""

CODES: Final[Mapping[str, CodeInfo]] = MappingProxyType(
    {
        info.code: info
        for info in (
            *document_codes.CODES,
            *_SETTINGS,
            *(load(name).INFO for name in (*ON_ONE_LAYER, *RULES)),
            *ABOVE_FILES,
            *OF_DOCUMENTS,
            *OF_TESTS,
            *_COMMENTS,
        )
    }
)
"""Every entry by its code."""

NOT_ABOUT_SETTINGS: Final = frozenset(
    (
        *(info.code for info in (*document_codes.CODES, *OF_DOCUMENTS, *OF_TESTS, *_COMMENTS)),
        "unused-baseline",
    )
)
"""Codes of documents, and of comments: no comment can ignore them."""


def lookup(code: str) -> CodeInfo:
    """Return the entry of a code.

    Raises:
        KeyError: The code is not registered: a mistake of ours, never of a user.
    """
    return CODES[code]
