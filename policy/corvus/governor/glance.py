"""Where every budget stands, by a look next to any writer: no lock is taken, no byte changes.

The rules are those of ``corvus.governor.status``. What is overdue is not settled before, and
budgets that no governor has enrolled yet are left out.
"""

from __future__ import annotations

from datetime import datetime

from corvus.base.time import microseconds
from corvus.governor.part_status import with_parts
from corvus.governor.resets import Subject
from corvus.governor.rules import Register, Rules, budgets_to_register, registered
from corvus.governor.status import report_status
from corvus.model.policy import Policy
from corvus.model.status_report import StatusReport
from corvus.store.api import Look
from corvus.store.cache import Cache
from corvus.store.kinds import LATEST_SESSION, budget_key
from corvus.store.unit import Unit


def glance(look: Look, policy: Policy, now: datetime) -> StatusReport:
    """Report where the budgets of a policy stand, for the session that was admitted last.

    Args:
        look: The store, of the shape that this version writes.
        policy: Whose budgets.
        now: The present instant, aware.
    """
    look.hold_still()
    unit = Unit(look, Cache(), microseconds(now))
    budgets = budgets_to_register(policy)
    ids = registered(unit, budgets)
    known = {ids[key]: budget for budget in budgets if (key := budget_key(budget)) in ids}
    rules = Rules(policy, known, unit.state.store_id)
    subject = Subject(next(iter(look.find(LATEST_SESSION)), None), None, None)
    return with_parts(report_status(unit, rules, Register(), subject), rules, look)
