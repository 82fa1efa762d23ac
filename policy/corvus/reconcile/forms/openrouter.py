"""OpenRouter's activity as a CSV: by day, model and host, in USD, with counts.

``usage`` is what OpenRouter takes. What a provider takes for a call with a key of one's own stands
apart; the ledger has both as one cost, so here they are added.

Source: https://openrouter.ai/docs/guides/guides/activity-export and its header, read 2026-11-28.
"""

from __future__ import annotations

from corvus.reconcile.charge import Bill, Charge, ChargeKind, Form, Line
from corvus.reconcile.contents import Content
from corvus.reconcile.forms.reader import Context, Draft, Reader
from corvus.reconcile.values import amount, count, day_of, days_between, text, unread

ACTIVITY = Form("openrouter-activity", "openrouter")
_COLUMNS = (
    *("date", "model", "model_permaslug", "endpoint_id", "provider_name", "usage"),
    *("byok_usage_inference", "requests", "prompt_tokens", "completion_tokens"),
    *("reasoning_tokens", "byok_requests"),
)


def _read(content: Content, context: Context) -> Bill:
    draft = Draft(ACTIVITY, "openrouter", content.sha256, content.name)
    bill = Bill(content.name, ACTIVITY, [])
    for place, row in content.rows():
        day = day_of(row["date"], place)
        model, slug = text(row["model"]), text(row.get("model_permaslug"))
        if slug and model and slug != model:
            bill.names[slug] = model
        paid = amount(row["usage"], place)
        if own_key := text(row.get("byok_usage_inference")):
            paid += amount(own_key, place)
        calls = count(row["requests"], place) if row.get("requests") else None
        draft.add(
            day, Line(model or slug, ChargeKind.USAGE), Charge(amount_usd=paid, requests=calls)
        )
        for name, kind in (
            ("prompt_tokens", ChargeKind.PROMPT),
            ("completion_tokens", ChargeKind.COMPLETION),
        ):
            if row.get(name):
                counted = Charge(quantity=count(row[name], place))
                draft.add(day, Line(model or slug, kind), counted)
    bill.sheets += draft.finish(days_between(draft.days))
    bill.notes += unread(content.columns, _COLUMNS, "columns")
    return bill


READERS = (Reader(ACTIVITY, _read, columns=("date", "usage", "model", "model_permaslug")),)
