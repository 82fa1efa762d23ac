"""The view of ``corvus top``: four tables, brought up to date in place.

A look that fails is said in the head, and the tables keep what was seen last. The rows that a
person has selected stay selected while others come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from corvus.base.errors import PolicyError
from corvus.base.money import usd_short
from corvus.cli.budgets import cells
from corvus.cli.output import words
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.cli.everyday.live import Live
    from corvus.cli.everyday.top import Source
    from corvus.model.approval import Approval
    from corvus.model.decision import BudgetStatus
    from corvus.model.reservation import Reservation

_TABLES: Mapping[str, tuple[str, ...]] = {
    "approvals": ("who", "model", "cost", "until", "why"),
    "budgets": ("budget", "state", "used", "spent", "held", "limit", "left", "resets", "bar"),
    "refusals": ("budget", "refused", "at", "model", "needed", "left"),
    "calls": ("model", "session", "user", "surface", "held", "age"),
}
"""The columns of each table, from top to bottom."""
_BAR_CELLS = 16


class Ask(ModalScreen[bool]):
    """Asks whether a call is to be decided so.

    Args:
        question: What is asked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question."""
        yield Static(Text(f"{self._question} [y/n]"), id="question")

    def action_answer(self, is_yes: bool) -> None:
        """Take the answer."""
        self.dismiss(is_yes)


class Top(App[None]):
    """The live view.

    Args:
        source: What it shows.
        interval_seconds: Between two looks.
    """

    CSS = """
    #head { height: auto; padding: 0 1; }
    .title { color: $text-muted; padding: 0 1; height: 1; margin-top: 1; }
    DataTable { height: auto; max-height: 14; }
    Ask { align: center middle; }
    #question { width: auto; max-width: 80%; height: auto; padding: 1 2; background: $panel; }
    """
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, source: Source, interval_seconds: float = 2.0) -> None:
        super().__init__()
        self._source = source
        self._interval = interval_seconds
        self._say = words()
        self._live: Live | None = None
        for key, action in (("q", "quit"), ("r", "look"), ("a", "approve"), ("d", "refuse")):
            self.bind(key, action, description=self._say(f"top.key.{action}"))

    def compose(self) -> ComposeResult:
        """Lay the tables out."""
        yield Static(id="head")
        with Vertical():
            for name in _TABLES:
                yield Static(Text(self._say(f"top.{name}")), classes="title", id=f"{name}-title")
                yield DataTable[Text](
                    id=name,
                    cursor_type="row",
                    zebra_stripes=True,
                    show_cursor=name == "approvals",
                )
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        for name, columns in _TABLES.items():
            table = self._table(name)
            for column in columns:
                table.add_column(self._say(f"top.column.{column}"), key=column)
            table.display = name == "budgets"
            self.query_one(f"#{name}-title").display = name == "budgets"
        self._table("budgets").focus()
        self.action_look()
        self.set_interval(self._interval, self.action_look)

    def action_look(self) -> None:
        """Look again."""
        self._look()

    def action_approve(self) -> None:
        """Let the selected call pass once."""
        self._ask(is_granted=True)

    def action_refuse(self) -> None:
        """Refuse the selected call."""
        self._ask(is_granted=False)

    @work(thread=True, exclusive=True, group="look")
    def _look(self) -> None:
        try:
            found = self._source.read()
        except PolicyError as fault:
            self.call_from_thread(self._show_fault, str(fault))
        else:
            self.call_from_thread(self._show, found)

    def _ask(self, *, is_granted: bool) -> None:
        approval = self._selected()
        if approval is None:
            self.notify(self._say("top.none_parked"))
            return
        key = "top.ask_approve" if is_granted else "top.ask_refuse"
        question = self._say(key, model=escape(approval.model), cost=self._cost(approval))

        def decide(is_yes: bool | None) -> None:
            if is_yes:
                self._decide(approval.id, is_granted)

        self.push_screen(Ask(question), decide)

    @work(thread=True, group="decide")
    def _decide(self, approval_id: str, is_granted: bool) -> None:
        try:
            self._source.decide(approval_id, is_granted=is_granted)
        except PolicyError as fault:
            self.call_from_thread(self.notify, escape(str(fault)), severity="error", markup=False)
        self.call_from_thread(self.action_look)

    def _selected(self) -> Approval | None:
        """Return the parked call under the cursor."""
        table, live = self._table("approvals"), self._live
        if live is None or not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((one for one in live.approvals if one.id == key), None)

    def _show_fault(self, reason: str) -> None:
        head = Text(f"{self._head(None)}\n").append(escape(reason), "bold red")
        self.query_one("#head", Static).update(head)

    def _show(self, live: Live | None) -> None:
        self._live = live
        text = self._head(live)
        if live is None:
            text.append(f"\n{self._say('top.nothing')}", "yellow")
        self.query_one("#head", Static).update(text)
        if live is None:
            return
        now = live.status.now
        self._fill("approvals", [(one.id, self._approval(one, now)) for one in live.approvals])
        statuses = sorted(live.status.decision.statuses, key=lambda one: -one.percent_used)
        shown = [one for one in statuses if one.budget.limit]
        self._fill("budgets", [(one.budget.name, self._budget(one, live)) for one in shown])
        self._fill("refusals", [*self._refusals(live)])
        self._fill("calls", [(one.id, self._call(one, now)) for one in live.calls])

    def _head(self, live: Live | None) -> Text:
        say, runtime = self._say, self._source.runtime
        text = Text("corvus top  ", "bold").append(escape(runtime.config_shown), "dim")
        if not runtime.policy.enabled:
            text.append(f"  {say('summary.disabled')}", "yellow")
        if live is not None:
            text.append(f"  {live.status.now:%H:%M:%S} UTC")
            calls = say.count("top.held", live.held_calls, number=f"{live.held_calls:,}")
            text.append(f"  {calls} (${usd_short(live.held_nano_usd)})")
            if live.waiting_calls:
                waiting = say.count("top.waiting", live.waiting_calls)
                text.append(f"  {waiting}", "yellow")
        return text

    def _budget(self, item: BudgetStatus, live: Live) -> Sequence[Text]:
        refuses = live.status.is_blocking(item.budget.name)
        style = cells.style_of(item, is_blocking=refuses)
        spent = cells.amount(item.spent, item.budget.measure)
        return (
            Text(escape(cells.name_cell(item)), "bold"),
            Text(cells.state_cell(item, is_blocking=refuses), style),
            _right(cells.percent_cell(item)),
            _right(spent),
            _right(cells.held_cell(item)),
            _right(cells.limit_cell(item)),
            _right(cells.left_cell(item)),
            Text(cells.resets(item, live.status.now)),
            Text(cells.bar(item, _BAR_CELLS), style),
        )

    def _refusals(self, live: Live) -> Iterable[tuple[str, Sequence[Text]]]:
        measures = {one.budget.name: one.budget.measure for one in live.status.decision.statuses}
        latest = sorted(live.status.refusals.items(), key=lambda pair: pair[1].last_at)
        for name, refused in reversed(latest):
            measure = measures[name]
            needed = (
                self._say("figure.unknown")
                if refused.needed is None
                else cells.amount(refused.needed, measure)
            )
            yield (
                name,
                (
                    Text(escape(name), "red" if refused.is_blocking else ""),
                    _right(f"{refused.count:,}"),
                    Text(f"{refused.last_at:%H:%M:%S}"),
                    Text(escape(refused.model)),
                    _right(needed),
                    _right(cells.amount(refused.left, measure)),
                ),
            )

    def _approval(self, approval: Approval, now: datetime) -> Sequence[Text]:
        names = (approval.user, approval.agent, approval.project, approval.session_id)
        why = ", ".join(one.budget for one in approval.blocking)
        return (
            Text(escape(" / ".join(name for name in names if name))),
            Text(escape(approval.model)),
            _right(self._cost(approval)),
            Text(cells.span(approval.deadline_at - now)),
            Text(escape(why)),
        )

    def _call(self, call: Reservation, now: datetime) -> Sequence[Text]:
        request = call.request
        seconds = max(0, int((now - call.admitted_at).total_seconds()))
        return (
            Text(escape(request.model)),
            Text(escape(request.session_id)),
            Text(escape(request.user or "")),
            Text(escape(request.surface)),
            _right(f"${usd_short(call.hold_nano_usd)}"),
            _right(f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"),
        )

    def _cost(self, approval: Approval) -> str:
        amount = approval.estimate_nano_usd
        return self._say("figure.unknown") if amount is None else f"${usd_short(amount)}"

    def _fill(self, name: str, rows: Sequence[tuple[str, Sequence[Text]]]) -> None:
        """Bring a table up to date; it is hidden while it has no row."""
        table = self._table(name)
        place = table.cursor_row
        selected = None
        if table.row_count:
            selected = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        table.clear()
        for key, row in rows:
            table.add_row(*row, key=key)
        keys = [key for key, _ in rows]
        if rows:
            at = keys.index(selected) if selected in keys else min(place, len(rows) - 1)
            table.move_cursor(row=at, scroll=False)
        if rows and not table.display and name == "approvals":
            table.focus()
        table.display = bool(rows)
        self.query_one(f"#{name}-title").display = bool(rows)

    def _table(self, name: str) -> DataTable[Text]:
        return cast("DataTable[Text]", self.query_one(f"#{name}", DataTable))


def _right(text: str) -> Text:
    return Text(text, justify="right")
