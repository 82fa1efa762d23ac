"""The codes of problems with settings: unknown keys, wrong types, bounds, deprecations."""

from __future__ import annotations

from corvus.diagnostics.code_info import CodeInfo
from corvus.diagnostics.model import Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

_SHAPES: tuple[CodeInfo, ...] = (
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
        "budget a name, a period and a limit. A missing price is never taken for free.",
        '[cost.prices."my-model"]\ninput = 3\n',
        '[cost.prices."my-model"]\ninput = 3\noutput = 15\n',
        "Add the key. For a price, write 0 only if that kind of token is really free.",
    ),
    CodeInfo(
        "ambiguous-price",
        _ERROR,
        "two own prices for one model",
        "Two keys of [cost.prices] mean one model when they differ only in how its provider is "
        "named, or when one leaves out the provider that makes the model. With different prices "
        "nobody could tell which of them a call costs.",
        '[cost.prices."gemini/my-model"]\ninput = 1\noutput = 2\n\n'
        '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
        '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
        "Keep the one that is in force.",
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
        "invalid-value",
        _ERROR,
        "a string that is not one of the words, or not of the form, that the key takes",
        "Keys with a closed set of words, names, URLs and time zones are checked when the file is "
        "read, so that a misspelling does not turn up in production.",
        '[autonomy]\nlevel = "read_only"\n',
        '[autonomy]\nlevel = "readonly"\n',
        "Take one of the words, or the form, that the message names.",
    ),
    CodeInfo(
        "nested-price",
        _ERROR,
        "the price of a model stands one table too deep",
        "A dot outside quotes separates tables in TOML, so [cost.prices.gpt-4.1] is a table 1 in a "
        "table gpt-4, and [cost.prices.anthropic] with models in it is no price. Neither would "
        "ever be found when a call is priced.",
        "[cost.prices.gpt-4.1]\ninput = 2\noutput = 8\n",
        '[cost.prices."gpt-4.1"]\ninput = 2\noutput = 8\n',
        "Put the whole name of the model, with its provider if it has one, in one pair of quotes.",
    ),
    CodeInfo(
        "duplicate-budget-name",
        _ERROR,
        "two budgets of one name",
        "A denial, a reset and every report name a budget, so names are unique. The limits of "
        "[cost] and [mission] already take session, day, month and mission.",
        '[[cost.budgets]]\nname = "day"\nperiod = "day"\nlimit_usd = 5\n',
        '[[cost.budgets]]\nname = "day-search"\nperiod = "day"\nlimit_usd = 5\n',
        "Give the budget another name.",
    ),
)

_DIALECTS: tuple[CodeInfo, ...] = (
    CodeInfo(
        "native-only-key",
        _ERROR,
        "a key of corvus.toml in the file of the corvus runtime",
        "The corvus agent runtime refuses to start with a key it does not know, and some keys "
        "exist only for this toolkit. A file that is checked as the runtime's must work there.",
        'default_temperature = 0.7\n\n[gateway]\n\n[cost]\nunpriced_models = "warn"\n',
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
        "deprecated-key",
        _WARNING,
        "a key that will no longer be read",
        "autonomy.max_cost_per_day_cents was merged into autonomy.max_actions_per_hour, although "
        "one counts cents per day and the other actions per hour. Alone, its number is read as "
        "actions per hour. Beside the canonical key it is ignored. Either way it caps no money: "
        "that is what cost.daily_limit_usd is for. The old key is read with a warning in 0.1 and "
        "0.2 and is gone in 0.3.",
        "[autonomy]\nmax_cost_per_day_cents = 500\n",
        "[autonomy]\nmax_actions_per_hour = 20\n\n[cost]\ndaily_limit_usd = 5\n",
        "Write the number of actions per hour that you want as max_actions_per_hour, set "
        "cost.daily_limit_usd if you meant to cap money, and remove the old key.",
    ),
)

_ACROSS: tuple[CodeInfo, ...] = (
    CodeInfo(
        "limit-never-binds",
        _WARNING,
        "a limit that a longer period's smaller limit makes pointless",
        "A limit above that of a longer period cannot be reached: the longer period stops "
        "the spend first. Session, day and month are compared where they are not 0, because 0 "
        "switches a limit off.",
        "[cost]\ndaily_limit_usd = 50\nmonthly_limit_usd = 20\n",
        "[cost]\ndaily_limit_usd = 5\nmonthly_limit_usd = 20\n",
        "Lower the limit of the shorter period, raise that of the longer one, or switch one off "
        "with 0.",
    ),
    CodeInfo(
        "no-limit-set",
        _WARNING,
        "governance is enabled, but every limit is 0",
        "A limit of 0 is switched off. With all of them off, nothing is ever refused.",
        "[cost]\nenabled = true\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n",
        "[cost]\nenabled = true\ndaily_limit_usd = 10\n",
        "Set at least one limit, or enabled = false if nothing is meant to be refused.",
    ),
    CodeInfo(
        "extreme-threshold",
        _WARNING,
        "a threshold that always or never warns",
        "A threshold of 0 warns on every call. One of 100 warns only when the spend meets the "
        "limit to the nano-USD, which practically never happens before it is exceeded.",
        "[cost]\nwarn_at_percent = 100\n",
        "[cost]\nwarn_at_percent = 80\n",
        "Choose a threshold that leaves time to react, such as 80.",
    ),
    CodeInfo(
        "unpriced-default-model",
        _WARNING,
        "the default model has no price",
        "With token spend governed, a call whose model has no price is refused before it is made. "
        "When that is the file's own default_model, the agent stops at its first call.",
        'default_model = "my-finetune-7b"\n\n[cost]\nenabled = true\n',
        'default_model = "my-finetune-7b"\n\n[cost]\nenabled = true\n\n'
        '[cost.prices."my-finetune-7b"]\ninput = 0.2\noutput = 0.2\n',
        "Add a price for the model, 0 on both sides if it is free, or set unpriced_models to "
        "warn in corvus.toml.",
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

CODES: tuple[CodeInfo, ...] = (*_SHAPES, *_DIALECTS, *_ACROSS)
