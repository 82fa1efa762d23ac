"""Origins that may call are spelt as browsers spell them (CFG-8)."""

from __future__ import annotations

from corvus.base.plain_hosts import is_plain_origin
from corvus.config.check.endpoints import report_fault, texts
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "invalid-origin",
    Severity.ERROR,
    "an origin that no browser sends",
    "A browser names the origin of a page as scheme, host and port, in lower case, without a path "
    "and without the usual port of the scheme. An origin is compared as text, so any other "
    "spelling, and a `*`, could never match.",
    '[governance.gateway]\nallowed_origins = ["https://ops.example.com/"]\n',
    '[governance.gateway]\nallowed_origins = ["https://ops.example.com"]\n',
    "Write the origin as the address bar of the browser begins, each origin by itself.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every origin that can never match."""
    origins = [*texts(subject.tables, ("governance", "gateway", "allowed_origins"))]
    if all(is_plain_origin(origin) for _, origin in origins):
        return
    from corvus.base.endpoints import origin_fault

    for route, origin in origins:
        report_fault(INFO.code, route, origin_fault(origin), reporter)
