"""Checks any number of files in one run (CFG-3, DIA-6): what ``corvus check`` does, as data.

It never prints and never stops at the first problem. Order is that of the arguments, sorted below a
directory or a pattern, and by place within a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from corvus.base.record import Record
from corvus.config.check.cases.file_names import is_test_file
from corvus.config.check.discover import (
    STDIN,
    find,
    is_foreign,
    same_file,
)
from corvus.config.check.documents import dialect_of, load_documents
from corvus.config.check.rule_settings import (
    TABLE,
    RuleSettings,
    SettingsFinder,
    regraded,
    settings_of,
)
from corvus.config.model.dialects import Detection
from corvus.config.toml.bounds import MAX_PROBLEMS
from corvus.config.toml.document import Document, read_bytes, read_document, source_text
from corvus.config.toml.values import is_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.config.check.discover import FileMatch
    from corvus.config.check.subject import PriceFacts
    from corvus.config.check.walk import Search
    from corvus.diagnostics.model import Diagnostic

_OWN_NAME = "corvus.toml"
_FEW = 25
"""Files that ``plain`` reads sooner than ``tomli`` does together with its import."""
_KNOWN_KEY = 30
_MENTIONS = r"(?m)^[ \t]*\[+[ \t]*(?:cost|autonomy|mission|governance)\b"


class CheckedFile(Record):
    """One file of a run.

    Attributes:
        shown: The file as the user named it.
        text: Its text without a BOM, for excerpts; ``None`` when it could not be read.
        detected: What it was checked as; ``None`` when it could not be parsed, and for a test.
        is_test: Whether it holds cases of a policy test, and no settings.
        ignored: How many findings a comment in it ignores.
        is_cut: Whether there are more findings than ``diagnostics`` has.
        shadow: The file whose policy it names as its shadow, to be checked as well.
    """

    shown: str
    text: str | None = None
    detected: Detection | None = None
    deprecated_fields: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    ignored: int = 0
    is_cut: bool = False
    shadow: str | None = None
    is_test: bool = False


class CheckRun(Record):
    """A whole run.

    Attributes:
        files: Every file that was looked at, in order.
        unmatched: Diagnostics of arguments that name no file, and of folders not searched.
        unreadable: Whether some input could not be read, so that "clean" would be a lie (DIA-5).
        passed_over: Files below a directory that are the config of nobody corvus knows.
        excluded: Files that were named and excluded.
    """

    files: tuple[CheckedFile, ...]
    unmatched: tuple[Diagnostic, ...]
    unreadable: bool
    passed_over: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All problems of all files, in stable order."""
        return (*self.unmatched, *(found for file in self.files for found in file.diagnostics))


class Options(Record):
    """How to check.

    Attributes:
        dialect: The dialect every file must be; ``auto``: as the settings of the checker say, else
            decided by the file.
        stdin: Reads standard input, for ``-``.
        stdin_name: How standard input is called in messages.
        facts: Answers about prices; ``None`` leaves out the rules that need them.
        severity: Level by code, above what the settings of the checker say.
        search: What is left out of directories; ``None`` leaves out the usual.
        finder: Knows the settings of the checker; ``None`` looks for them.
        before: Called before a text is checked; what it raises ends work of many checks.
    """

    dialect: str = "auto"
    stdin: Callable[[], bytes] = bytes
    stdin_name: str = "<stdin>"
    facts: PriceFacts | None = None
    severity: Mapping[str, str] | None = None
    search: Search | None = None
    finder: SettingsFinder | None = None
    before: Callable[[], object] | None = None


class _Target(Record):
    name: str
    walked: bool


def check_paths(arguments: Sequence[str], options: Options | None = None) -> CheckRun:
    """Check files, directories, patterns and standard input.

    Args:
        arguments: Paths, directories (``*.toml`` below them), glob patterns, or ``-``.
        options: How to check.
    """
    how = options or Options()
    finder = SettingsFinder()
    how = how._replace(finder=finder)
    arguments = [*dict.fromkeys(arguments)]
    found = [find(argument, finder, how.search) for argument in arguments]
    keys = [[same_file(name) for name in match.names] for match in found]
    wanted: dict[str | tuple[int, int], _Target] = {}
    for match, its_keys in zip(found, keys, strict=True):
        for name, key in zip(match.names, its_keys, strict=True):
            if key not in wanted or (wanted[key].walked and not match.walked):
                wanted[key] = _Target(name, match.walked)
    results = _results([*wanted.values()], how)
    files = dict(zip(wanted, results, strict=True))
    files |= _shadows(files, how)
    unmatched: list[Diagnostic] = []
    for argument, match, its_keys in zip(arguments, found, keys, strict=True):
        unmatched += (_not_searched(folder, reason) for folder, reason in match.unsearched)
        if not any(files[key] for key in its_keys) and not match.excluded:
            unmatched.append(_no_file(argument, match))
    checked = tuple(file for file in files.values() if file is not None)
    unmatched += (
        _unusable_settings(file)
        for file in finder.files()
        if same_file(file) not in files and _has_unusable_settings(file, how)
    )
    return CheckRun(
        files=checked,
        unmatched=tuple(unmatched),
        unreadable=bool(unmatched) or any(file.text is None for file in checked),
        passed_over=tuple(wanted[key].name for key, file in files.items() if file is None),
        excluded=tuple(name for match in found for name in match.excluded),
    )


def _shadows(
    files: Mapping[str | tuple[int, int], CheckedFile | None], how: Options
) -> dict[str | tuple[int, int], CheckedFile | None]:
    """Check the shadow policies that configs name, which are part of what they say (PLN-2)."""
    named = [file.shadow for file in files.values() if file is not None and file.shadow]
    if not named:
        return {}
    wanted = {same_file(name): name for name in named if os.path.isfile(name)}
    return {
        key: _check_one(name, how, walked=False)
        for key, name in wanted.items()
        if files.get(key) is None
    }


def check_text(text: bytes, name: str, options: Options | None = None) -> CheckedFile:
    """Check the bytes of one file that may not be saved yet, as an editor has it.

    Args:
        text: The whole file.
        name: How messages call it.
        options: How to check; its standard input is not read.
    """
    how = options or Options()
    if how.before is not None:
        how.before()
    checked = _check_bytes(text, [], name, how)
    assert checked is not None, "only a file found below a directory is passed over"
    return checked


def check_if_ours(text: bytes, name: str, options: Options | None = None) -> CheckedFile | None:
    """Do what ``check_text`` does, unless the file is clearly of another tool: then ``None``."""
    from corvus.config.check.walk import is_name_of_others

    if is_name_of_others(name):
        return None
    return _check_bytes(text, [], name, options or Options(), walked=True)


def _results(targets: list[_Target], how: Options) -> list[CheckedFile | None]:
    def check(target: _Target) -> CheckedFile | None:
        return _check_one(target.name, how, walked=target.walked)

    if len(targets) < 2:
        return [check(target) for target in targets]
    if len(targets) > _FEW:
        import_module("tomli")  # from now on it reads; before processes part, so that all have it
    from corvus.config.check.parallel import each

    for target in targets:  # before the processes part: each would look by itself
        _settings_for(target.name, how)

    return each(targets, check)


def _check_one(name: str, how: Options, *, walked: bool) -> CheckedFile | None:
    """Check a file; one found below a directory that is clearly of another tool is ``None``."""
    shown = how.stdin_name if name == STDIN else name
    try:
        raw, errors = (how.stdin(), []) if name == STDIN else read_bytes(name, shown)
    except OSError as fault:
        return CheckedFile(shown, diagnostics=(_unreadable(shown, fault.strerror or str(fault)),))
    return _check_bytes(raw, errors, shown, how, walked=walked and name != STDIN)


def _check_bytes(
    raw: bytes | None,
    errors: list[Diagnostic],
    shown: str,
    how: Options,
    *,
    walked: bool = False,
) -> CheckedFile | None:
    if raw is None:
        too_large = any(error.code == "file-too-large" for error in errors)
        return CheckedFile(shown, text="" if too_large else None, diagnostics=tuple(errors))
    settings = _settings_for(shown, how)
    document, diagnostics = read_document(raw, shown)
    if is_test_file(shown):
        return _checked_cases(document, raw, diagnostics, shown)
    walked = walked and os.path.basename(shown) != _OWN_NAME
    if document is None:
        text = source_text(raw)
        if walked and not _mentions_us(text):
            return None
        checked = _checked_rest(text, shown, diagnostics, how)
    else:
        settings = settings_of(document.data, shown) or settings
        if walked and is_foreign(document.data) and not settings.dialect_of(shown):
            return None
        checked = _checked(document, diagnostics, how)
    severity = {**settings.severity, **(how.severity or {})}
    if not severity or not checked.diagnostics:
        return checked
    return checked._replace(diagnostics=regraded(checked.diagnostics, severity))


def _checked_cases(
    document: Document | None, raw: bytes, diagnostics: list[Diagnostic], shown: str
) -> CheckedFile:
    """Check a policy test by itself; which policy it is about is for a run of it to say."""
    if document is None:
        return CheckedFile(
            shown, text=source_text(raw), diagnostics=tuple(diagnostics), is_test=True
        )
    from corvus.config.check.cases.case_reading import read_cases

    read = read_cases(document)
    found = (*diagnostics, *read.diagnostics)
    return CheckedFile(shown, document.text, diagnostics=found, is_cut=read.is_cut, is_test=True)


def _settings_for(shown: str, how: Options) -> RuleSettings:
    return (how.finder or SettingsFinder()).of_file(shown)


def _mentions_us(text: str) -> bool:
    import re  # a clean file needs no pattern

    return re.search(_MENTIONS, text) is not None


def _checked_rest(
    text: str, shown: str, diagnostics: list[Diagnostic], how: Options
) -> CheckedFile:
    """Check what can be read of a broken file, so that its first mistake hides no other (CFG-3)."""
    from corvus.config.check.syntax_advice import with_types
    from corvus.config.check.syntax_fixes import with_fixes
    from corvus.config.toml.recover import is_certain, read_rest

    diagnostics = with_types(diagnostics, text)
    rest = read_rest(text, shown, diagnostics)
    diagnostics = [*with_fixes(text, diagnostics)]
    if rest is None:
        is_cut = len(diagnostics) >= MAX_PROBLEMS
        return CheckedFile(shown, text=text, diagnostics=tuple(diagnostics), is_cut=is_cut)
    checked = _checked(rest.document, [], how)
    evidence = rest.as_evidence
    detected = _without_secrets(dialect_of(evidence, how.dialect, how.finder), evidence)
    is_same = detected[:1] == (checked.detected or ())[:1]
    found = [
        *diagnostics,
        *(
            finding
            for finding in checked.diagnostics
            if is_certain(finding, rest.document, is_dialect_certain=is_same)
        ),
    ]
    found.sort(key=lambda finding: finding.span.start.offset if finding.span else -1)
    is_cut = checked.is_cut or len(diagnostics) >= MAX_PROBLEMS
    return checked._replace(detected=detected, diagnostics=tuple(found), is_cut=is_cut)


def _checked(document: Document, diagnostics: list[Diagnostic], how: Options) -> CheckedFile:
    loaded = load_documents(
        (document,), how.dialect, facts=how.facts, want_settings=False, finder=how.finder
    )
    return CheckedFile(
        shown=document.file,
        text=document.text,
        detected=_without_secrets(loaded.dialects[0], document),
        deprecated_fields=loaded.deprecated_fields,
        diagnostics=(*diagnostics, *loaded.diagnostics),
        ignored=loaded.ignored,
        is_cut=loaded.is_cut,
        shadow=_shadow_of(document),
    )


def _shadow_of(document: Document) -> str | None:
    """Return the path of the shadow policy that a document names."""
    governance = document.data.get("governance")
    stated = governance.get("shadow") if is_table(governance) else None
    if not isinstance(stated, str) or not stated:
        return None
    return os.path.join(os.path.dirname(document.file), os.path.expanduser(stated))


def _without_secrets(detected: Detection, document: Document) -> Detection:
    """Hide what may be a secret in evidence; keys of a runtime are short and need no look."""
    if detected.pinned or all(len(item) <= _KNOWN_KEY for item in detected.evidence):
        return detected
    evidence = tuple(map(document.quotes().value, detected.evidence))
    return detected._replace(evidence=evidence)


def _no_file(argument: str, match: FileMatch) -> Diagnostic:
    others = len(match.names)
    if not argument:
        message = "an empty path names no file; was a variable not set?"
    elif others:
        files = "the *.toml file" if others == 1 else f"none of the {others} *.toml files"
        known = "not a config" if others == 1 else "a config"
        message = f"{files} below the directory `{argument}` is {known} that corvus knows"
    elif os.path.isdir(argument):
        message = f"no *.toml file below the directory `{argument}`"
    else:
        message = f"no file matches `{argument}`"
    help_ = "Name a file, a directory that holds one, or a pattern that matches one."
    if match.left_out:
        help_ = (
            "What is excluded, ignored by git, or a tool's own folder is not searched: see "
            "`corvus check --show-settings`."
        )
    return _about(argument, "no-file-matched", message, help_)


def _not_searched(folder: str, reason: str) -> Diagnostic:
    message = f"the directory `{folder}` cannot be searched: {reason}"
    return _about(folder, "file-unreadable", message, "Check its permissions.")


def _has_unusable_settings(file: str, how: Options) -> bool:
    """Return whether the settings of the checker in a file, or all of it, make no sense."""
    checked = _check_one(file, how, walked=False)
    assert checked is not None, "only a file found below a directory is passed over"
    found = (one for one in checked.diagnostics if one.is_error)
    return any(one.path[:2] == TABLE or not one.path for one in found)


def _unusable_settings(file: str) -> Diagnostic:
    shown = os.path.relpath(file)
    message = f"the settings of the checker in `{shown}` cannot be used as they are"
    return _about(shown, "unusable-settings", message, f"See `corvus check {shown}`.")


def _unreadable(shown: str, reason: str) -> Diagnostic:
    return _about(shown, "file-unreadable", f"`{shown}` cannot be read: {reason}", "Is it closed?")


def _about(file: str, code: str, message: str, help_: str) -> Diagnostic:
    from corvus.config.toml.explain import without_text

    return without_text(code, message, file, help_)
