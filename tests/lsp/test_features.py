"""What an editor gets for a request: fixes, hover, completion, names, outline, and spend."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from corvus.base.money import nano_usd
from corvus.runtime import open_runtime
from tests.lsp.editor import PLAIN, Editor, editing

CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 20
monthly_limit_usd = 0

[[cost.budgets]]
name = "team"
period = "week"
limit_usd = 5
match = { user = "ana" }

[[cost.budgets]]
name = "each"
period = "month"
per = ["user"]
limit_calls = 2

[[governance.notify]]
name = "pager"
url_env = "PAGER"
budgets = ["team"]
"""


def at(text: str, mark: str, plus: int = 0) -> types.Position:
    """Return the position of a piece of an ASCII text."""
    before = text[: text.index(mark) + plus]
    return types.Position(before.count("\n"), len(before) - before.rfind("\n") - 1)


def applied(text: str, edit: types.WorkspaceEdit | None) -> str:
    """Return an ASCII text with edits of its latest version."""
    assert edit is not None
    if edit.document_changes:
        (change,) = edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        edits = [each for each in change.edits if isinstance(each, types.TextEdit)]
    else:
        ((_, edits),) = (edit.changes or {}).items()
    lines = text.splitlines(keepends=True)

    def offset(position: types.Position) -> int:
        return sum(map(len, lines[: position.line])) + position.character

    places = [(offset(each.range.start), offset(each.range.end), each.new_text) for each in edits]
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


class Page:
    """One open file, and requests about it."""

    def __init__(self, editor: Editor, path: Path, text: str) -> None:
        self.editor = editor
        self.text = text
        self.uri = editor.open(path, text)
        self.document = types.TextDocumentIdentifier(self.uri)

    async def hover(self, mark: str, plus: int = 0) -> str:
        params = types.HoverParams(self.document, at(self.text, mark, plus))
        found = await self.editor.text_document_hover_async(params)
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    async def complete(self, text: str | None = None, version: int = 2) -> dict[str, str]:
        """Return what is offered at ``|``: the text of each edit by label."""
        if text is not None:
            self.text = text.replace("|", "", 1)
            self.editor.change(self.uri, self.text, version)
        source = text or self.text
        params = types.CompletionParams(self.document, at(source, "|"))
        found = await self.editor.text_document_completion_async(params)
        assert isinstance(found, types.CompletionList)
        return {
            item.label: item.text_edit.new_text
            for item in found.items
            if isinstance(item.text_edit, types.TextEdit)
        }

    async def actions(self, mark: str, *only: str) -> list[types.CodeAction]:
        position = at(self.text, mark)
        context = types.CodeActionContext([], [*only] or None)
        params = types.CodeActionParams(self.document, types.Range(position, position), context)
        found = await self.editor.text_document_code_action_async(params)
        return [each for each in found or () if isinstance(each, types.CodeAction)]

    async def lenses_become(self, expected: dict[int, str]) -> None:
        """Wait until there are these lenses; a busy machine may take longer than one answer."""
        while expected.items() - (await self.lenses()).items():
            await asyncio.sleep(0.2)

    async def lenses(self) -> dict[int, str]:
        params = types.CodeLensParams(self.document)
        found = await self.editor.text_document_code_lens_async(params)
        return {each.range.start.line: each.command.title for each in found or () if each.command}


def spend(config: Path, user: str, usd: str, *, refused: int = 0) -> None:
    with open_runtime(config).governor() as governor:
        with governor.call("claude-haiku-4-5", user=user, estimate_usd=Decimal(usd)) as call:
            call.used(cost_nano_usd=nano_usd(Decimal(usd)))
        for _ in range(refused):
            request = governor.request("claude-haiku-4-5", user=user, estimate_usd=1000)
            assert not governor.reserve(request).allowed


def test_a_quick_fix_is_proved_and_a_comment_ignores_what_may_be_ignored(tmp_path: Path) -> None:
    text = "[cost]\nenabled = true\ndayly_limit_usd = 5\nwarn_at_percent = 100\n"

    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", text)
        fix, ignore = await page.actions("dayly")
        assert "daily_limit_usd" in fix.title
        assert fix.kind == types.CodeActionKind.QuickFix
        assert fix.is_preferred is None  # it is a guess
        assert applied(text, fix.edit) == text.replace("dayly", "daily")
        assert "dayly_limit_usd = 5  # corvus: ignore[unknown-key] say why\n" in applied(
            text, ignore.edit
        )
        (ignore,) = await page.actions("100")
        mended = applied(text.replace("dayly", "daily"), ignore.edit)
        editor.change(page.uri, mended, 2)
        found = await editor.diagnostics(page.uri, 2)
        assert [each.code for each in found] == ["extreme-threshold", "ignore-without-reason"]
        editor.change(page.uri, mended.replace("say why", "paged by hand"), 3)
        assert await editor.diagnostics(page.uri, 3) == []

    editing(tmp_path, scene)


def test_deprecated_keys_are_struck_out_and_migrated(tmp_path: Path) -> None:
    text = "# é\r\n[autonomy]\r\nmax_cost_per_day_cents = 500 # ours\r\n"
    new = "# é\r\n[autonomy]\r\nmax_actions_per_hour = 500 # ours\r\n"

    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", text)
        (found,) = await editor.diagnostics(page.uri)
        assert list(found.tags or ()) == [types.DiagnosticTag.Deprecated]
        for kind in ("source.migrate", "source.migrate.corvus", "source.fixAll"):
            (action,) = await page.actions("[autonomy]", kind)
            assert applied(text, action.edit) == new
        assert await page.actions("[autonomy]", "refactor") == []

    editing(tmp_path, scene, PLAIN)


def test_hover_tells_meaning_range_default_and_where_a_value_comes_from(tmp_path: Path) -> None:
    text = (
        "[cost]\nenabled = true\ndaily_limit_usd = 5\n[autonomy]\nmax_cost_per_day_cents = 7\n"
        '[cost.prices."claude-sonnet-4-5"]\ninput = 1\noutput = 2\n'
        "[governance.gateway] # corvus: ignore[unused-ignore] x\nport = 1\n"
    )

    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", text)
        said = await page.hover("daily_limit_usd")
        assert "Limit in USD for each UTC day" in said
        assert "0 to 9,000,000,000" in said
        assert "default `10`" in said
        assert "In force: `7`, from env CORVUS_COST__DAILY_LIMIT_USD, over corvus.toml:3:1" in said
        assert "In force: `true`, from corvus.toml:2:1" in await page.hover("true")
        assert "**Deprecated.**" in await page.hover("max_cost_per_day")
        assert "input 3, output 15" in await page.hover("claude-sonnet")
        assert "a comment that ignores what is not there" in await page.hover("unused-ignore")
        assert "Token spend." in await page.hover("[cost]", 2)
        assert await page.hover("# corvus") == ""

    editing(tmp_path, scene, CORVUS_COST__DAILY_LIMIT_USD="7")


def test_keys_that_are_not_there_yet_are_completed_in_any_state_of_the_file(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", "")
        found = await page.complete("[cost]\nenabled = true\n|\n", 2)
        assert "enabled" not in found
        assert found["daily_limit_usd"] == "daily_limit_usd = 10"
        found = await page.complete('x = "\n[[cost.budgets]]\nname = "a"\nper|\n[oh no\n', 3)
        assert found["period"] == 'period = ""'
        assert "name" not in found
        found = await page.complete('[[cost.budgets]]\nmatch = { user = "a", mo|', 4)
        assert (found["model"], "user" in found) == ('model = ""', False)
        found = await page.complete("[cost\nda|", 5)
        assert "daily_limit_usd" in found
        found = await page.complete("[cost]\nenab| = true\n", 6)
        assert found["enabled"] == "enabled"
        found = await page.complete("[[c|", 7)
        assert set(found) == {
            "[[cost.budgets]]",
            "[[governance.notify]]",
            "[[governance.signin.oidc.groups]]",
        }
        found = await page.complete("[cost]\n[go|]\n", 8)
        assert "[cost]" not in found
        assert found["[governance.gateway]"] == "[governance.gateway]"

    editing(tmp_path, scene)


def test_values_models_prices_codes_and_names_are_completed(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", "")
        assert {*await page.complete("[cost]\nenabled = |", 2)} == {"true", "false"}
        found = await page.complete('[cost]\nunpriced_models = "|"\n', 3)
        assert [*found.values()] == ['"deny"', '"warn"']
        found = await page.complete('[cost]\non_exceeded = [\n  "cap",\n  "|\n', 4)
        assert [*found] == ['"wait"', '"downgrade"', '"ask"', '"refuse"']
        found = await page.complete('[[cost.budgets]]\nper = ["user", "|', 5)
        assert '"model"' in found
        assert '"user"' not in found
        found = await page.complete("[cost.prices]\nclaude-sonnet-4-5|", 6)
        assert found['"claude-sonnet-4-5"'].startswith(
            '"claude-sonnet-4-5" = { input = 3, output = 15, '
        )
        found = await page.complete('[cost.prices."gpt-5"]\n|', 7)
        assert (found["input"], found["output"]) == ("input = 1.25", "output = 10")
        found = await page.complete('[[cost.budgets]]\nmatch = { model = "claude-son|', 8)
        assert '"claude-sonnet-4-5"' in found
        found = await page.complete("[cost] # corvus: ignore[lim|\n", 9)
        assert "limit-never-binds" in found
        assert "syntax-error" not in found
        found = await page.complete(CONFIG.replace('["team"]', '["|"]'), 10)
        assert [*found] == ['"team"', '"each"', '"session"', '"day"', '"month"', '"mission"']
        found = await page.complete('[[cost.budgets]]\ntimezone = "Madr|', 11)
        assert [*found] == ['"Europe/Madrid"']

    editing(tmp_path, scene)


def test_a_budget_is_renamed_with_what_names_it_and_its_user_is_warned(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", CONFIG)
        position = at(CONFIG, '"team"', 2)
        found = await editor.text_document_prepare_rename_async(
            types.PrepareRenameParams(page.document, position)
        )
        assert isinstance(found, types.PrepareRenamePlaceholder)
        assert found.placeholder == "team"
        edit = await editor.text_document_rename_async(
            types.RenameParams(page.document, position, "crew")
        )
        assert applied(CONFIG, edit) == CONFIG.replace('"team"', '"crew"')
        (warning,) = await editor.until(lambda: editor.shown or None)
        assert "stays under the old name" in warning.message
        for name in ("each", "day", "Not A Slug"):
            with pytest.raises(JsonRpcException, match=r"name|already"):
                await editor.text_document_rename_async(
                    types.RenameParams(page.document, position, name)
                )
        place = await editor.text_document_definition_async(
            types.DefinitionParams(page.document, at(CONFIG, '["team"]', 3))
        )
        assert isinstance(place, types.Location)
        assert place.range.start == at(CONFIG, '"team"')

    editing(tmp_path, scene)


def test_the_outline_has_budgets_by_their_names(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", CONFIG)
        params = types.DocumentSymbolParams(page.document)
        found = await editor.text_document_document_symbol_async(params)
        names = [each.name for each in found or ()]
        assert names == ["[cost]", "team", "each", "[[governance.notify]]"]
        first = next(iter(found or ()))
        assert isinstance(first, types.DocumentSymbol)
        assert [each.name for each in first.children or ()] == [
            "enabled",
            "daily_limit_usd",
            "monthly_limit_usd",
        ]

    editing(tmp_path, scene)


def test_lenses_tell_the_spend_of_each_budget_and_follow_it(tmp_path: Path) -> None:
    """EVA-12: they say what ``corvus cost summary`` says, and no byte of the store changes."""
    path = tmp_path / "corvus.toml"
    ledger = f'[governance.ledger]\npath = "{tmp_path}/ledger.duckdb"\n'
    text = CONFIG + ledger
    path.write_text(text)
    spend(path, "ana", "1.5", refused=3)
    spend(path, "bob", "0.25")
    before = {each.name: each.read_bytes() for each in tmp_path.glob("ledger*.store")}

    async def scene(editor: Editor) -> None:
        page = Page(editor, path, text)
        await editor.diagnostics(page.uri)
        expected = {
            2: "today $1.75 of $20.00, 3 refused",
            3: "this month $1.75, no limit",
            5: "this week $1.50 of $5.00, 3 refused",
            11: "this month 2 sums; nearest its limit ana: 1 call of 2 calls",
        }
        await page.lenses_become(expected)
        assert await page.lenses() == expected
        assert "Spend: today $1.75 of $20.00, 3 refused" in await page.hover("daily_limit_usd")
        assert {e.name: e.read_bytes() for e in tmp_path.glob("ledger*.store")} == before
        spend(path, "eve", "1")
        params = types.DidSaveTextDocumentParams(page.document)
        editor.text_document_did_save(params)
        await editor.until(lambda: editor.refreshes or None)
        await page.lenses_become({2: "today $2.75 of $20.00, 3 refused"})
        seen = editor.refreshes
        spend(path, "eve", "1")
        await editor.until(lambda: True if editor.refreshes > seen else None)

    editing(tmp_path, scene)


def test_there_are_no_lenses_without_a_store(tmp_path: Path) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)

    async def scene(editor: Editor) -> None:
        page = Page(editor, path, CONFIG)
        await editor.diagnostics(page.uri)
        assert await page.lenses() == {}

    editing(tmp_path, scene)
    assert not [*tmp_path.rglob("*.store")]


def test_what_a_runtime_owns_is_told_as_its_own(tmp_path: Path) -> None:
    """DEP-7: neither hover nor a code action advises to take away what the host still reads."""
    path = tmp_path / ".zeroclaw" / "config.toml"
    text = "default_provider = 'x'\n[autonomy]\nmax_cost_per_day_cents = 500\n[memory]\nx = 1\n"

    async def scene(editor: Editor) -> None:
        page = Page(editor, path, text)
        said = await page.hover("max_cost")
        assert "zeroclaw reads this key as its own cap on money" in said
        assert "Deprecated" not in said
        assert "A key of the runtime zeroclaw" in await page.hover("[memory]", 2)
        assert await page.actions("[autonomy]", "source") == []
        assert "[gateway]" not in await page.complete("[autonomy]\n|\n")

    editing(tmp_path, scene)


def test_codes_are_keys_where_severities_are_stated(tmp_path: Path) -> None:
    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", "")
        found = await page.complete("[governance.check.severity]\n|\n")
        assert found["extreme-threshold"] == 'extreme-threshold = "off"'
        assert "syntax-error" not in found
        found = await page.complete("[governance.check.severity]\nextreme-threshold = |\n", 3)
        assert [*found] == ['"error"', '"warning"', '"note"', '"off"']

    editing(tmp_path, scene)


def test_safe_fixes_come_all_at_once(tmp_path: Path) -> None:
    body = "[cost]\nenabled = true # corvus: ignore[no-limit-set] mended\ndayly_limit_usd = 5\n"
    text = f"\ufeff{body}"

    async def scene(editor: Editor) -> None:
        page = Page(editor, tmp_path / "corvus.toml", text)
        for kind in ("source.fixAll", "source.fixAll.corvus"):
            (action,) = await page.actions("enabled", kind)
            assert applied(text, action.edit) == body.replace(
                " # corvus: ignore[no-limit-set] mended", ""
            )
        actions = await page.actions("\ufeff", types.CodeActionKind.QuickFix)
        assert [applied(text, each.edit) for each in actions] == [body]

    editing(tmp_path, scene)
