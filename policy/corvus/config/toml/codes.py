"""The codes of documents that cannot be read or are not TOML 1.0."""

from __future__ import annotations

from corvus.diagnostics.codes import CodeInfo, Severity

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_GOOD = "[cost]\ndaily_limit_usd = 10\n"

_FILES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "file-missing",
        _ERROR,
        "a file that does not exist",
        "A file that is named must exist. If a missing file counted as an empty one, a misspelt "
        "path in a CI job would always pass.",
        "corvus check corvsu.toml, and there is no such file",
        "corvus check corvus.toml, and the file is there",
        "Check the path; a relative one starts at the current directory.",
        bad_is_text=False,
    ),
    CodeInfo(
        "file-unreadable",
        _ERROR,
        "a file that cannot be read",
        "The path exists but gives no text: it is a directory, or its permissions forbid reading.",
        "a file that belongs to another user and has mode 600",
        "a file that the user who runs corvus may read",
        "Give the user who runs corvus the right to read the file, or name a file instead of a "
        "directory.",
        bad_is_text=False,
    ),
    CodeInfo(
        "file-too-large",
        _ERROR,
        "a file over 1 MiB",
        "A configuration is written by people and has a few kilobytes. A file over 1,048,576 "
        "bytes is most likely the wrong one, and is not read.",
        "a log file of 5 MB given as a configuration",
        "a configuration of up to 1,048,576 bytes",
        "Check that the path names a configuration; move data that is no setting elsewhere.",
        bad_is_text=False,
    ),
    CodeInfo(
        "invalid-utf8",
        _ERROR,
        "a file that is not UTF-8",
        "TOML files are UTF-8. Guessing another encoding could change a model name or a path "
        "without a word, so the file is refused at the first byte that does not fit.",
        "a file with an accented letter, saved as Latin-1 or as UTF-16",
        "the same file, saved as UTF-8",
        "Save the file as UTF-8. Windows PowerShell writes UTF-16 by default.",
        bad_is_text=False,
    ),
    CodeInfo(
        "byte-order-mark",
        _WARNING,
        "a byte order mark at the start",
        "Some editors put three invisible bytes before the first character. corvus reads past "
        "them, but strict TOML readers, agent runtimes among them, refuse the file.",
        "\ufeff" + _GOOD,
        _GOOD,
        'Save the file as "UTF-8" instead of "UTF-8 with BOM".',
    ),
    CodeInfo(
        "nul-byte",
        _ERROR,
        "a NUL byte in the text",
        "A zero byte stands in no text file. It is a sign of a damaged or a binary file.",
        "[cost]\nenabled = true\0\n",
        "[cost]\nenabled = true\n",
        "Restore the file from a copy, or remove the byte.",
    ),
)

_SYNTAX: tuple[CodeInfo, ...] = (
    CodeInfo(
        "not-toml",
        _ERROR,
        "a file that is no TOML at all",
        "A template that is not rendered yet, or a file in another language, would give an error "
        "for each of its lines. What it is, is said once, at the first place that shows it. Only "
        "a file that cannot be read as TOML is looked at so: a string may hold what it likes.",
        "[cost]\nenabled = {{ cost_enabled }}\ndaily_limit_usd = {{ daily_limit }}\n",
        "[cost]\nenabled = true\ndaily_limit_usd = 10\n",
        "Render a template first, then check the result. Write a config in TOML.",
    ),
    CodeInfo(
        "syntax-error",
        _ERROR,
        "text that is not TOML",
        "The line cannot be read. Reading goes on at the next line, so that all syntax errors of "
        "a file are reported at once; the settings themselves are checked when there is none left.",
        "[cost]\nenabled = yes\n",
        "[cost]\nenabled = true\n",
        "Write `key = value`, one on a line; texts in quotes, booleans as true and false, "
        "comments behind #.",
    ),
    CodeInfo(
        "toml-1.1-syntax",
        _ERROR,
        "syntax of TOML 1.1",
        "TOML 1.1 allows inline tables on several lines and with a comma at their end, the "
        "escapes \\e and \\xHH, and times without seconds. Whether a reader accepts them depends "
        "on its age, so corvus reads TOML 1.0 everywhere.",
        '[[cost.budgets]]\nmatch = { model = "gpt-*", }\n',
        '[[cost.budgets]]\nmatch = { model = "gpt-*" }\n',
        "Put the inline table on one line without a comma at its end, or write a [table]; use "
        "\\u001b for \\e.",
    ),
    CodeInfo(
        "duplicate-key",
        _ERROR,
        "a key or table defined twice",
        "With two values for one key, either could be the one that was meant. A table may have "
        "one header only, and a table that is complete, such as an inline table, cannot be added "
        "to.",
        "[cost]\ndaily_limit_usd = 10\ndaily_limit_usd = 25\n",
        "[cost]\ndaily_limit_usd = 25\n",
        "Keep one of the two; join the keys of two tables of the same name under one header.",
    ),
    CodeInfo(
        "nesting-too-deep",
        _ERROR,
        "more than 64 levels of nesting",
        "Settings are a few levels deep. Arrays, tables or dotted keys of more than 64 levels "
        "serve only to exhaust a program that reads them.",
        "value = " + "[" * 65 + "]" * 65 + "\n",
        "value = [[1, 2], [3, 4]]\n",
        "Flatten the value.",
    ),
    CodeInfo(
        "number-out-of-range",
        _ERROR,
        "a number that does not fit into 64 bits",
        "TOML promises integers of 64 bits and floats of 64 bits. What goes beyond is read "
        "differently by each program, so it is refused before any bound of a setting is looked at.",
        "[autonomy]\nmax_actions_per_hour = 99999999999999999999\n",
        "[autonomy]\nmax_actions_per_hour = 100\n",
        "Write a number within the range; for no limit see what 0 means for the setting.",
    ),
)

CODES: tuple[CodeInfo, ...] = _FILES + _SYNTAX
