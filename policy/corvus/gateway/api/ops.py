"""Routes for whoever runs the gateway: does it live, can it answer, what does it count."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from corvus.answers.schema import HEALTH, READY
from corvus.base.errors import StoreError
from corvus.gateway.api.responses import json_response, text_response
from corvus.gateway.metrics import CONTENT_TYPE
from corvus.gateway.problems import Problem
from corvus.gateway.service import Service
from corvus.gateway.store_metrics import StoreMetrics
from corvus.store.operations.overview import overview
from corvus.store.unit import Unit


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", responses=json_response(HEALTH, "It lives"))
    def healthz() -> dict[str, str]:
        """Say that the process lives; asks nothing else."""
        return {"status": "ok"}

    @router.get("/readyz", responses=json_response(READY, "It can answer"))
    def readyz() -> Response:
        """Return whether calls can be admitted and what was recorded reaches the ledger.

        A config that was edited and cannot be used is reported; the policy before it is in force.
        """
        service.stores.require_ready()  # its error becomes a 503
        if service.drain_fault is not None:
            problem = Problem(503, service.drain_fault.code, "the ledger takes no events now")
            return Response(problem.body, problem.status, problem.headers)
        broken = {"config": "broken"} if service.config_is_broken else {}
        if service.shadow_problem is not None:
            broken["shadow"] = "broken"
        return JSONResponse({"status": "ready", **broken})

    @router.get("/metrics", response_class=Response, responses=text_response("Metrics"))
    def metrics() -> Response:
        """Give the metrics in Prometheus' text format; without budgets while the store is away."""
        if not service.runtime.gateway.metrics:
            problem = Problem(404, "metrics-off", "governance.observability.metrics is false")
            return Response(problem.body, problem.status, problem.headers)
        store, place = service.store, service.runtime.bookkeeping.place
        status = holds = seen = None
        with suppress(StoreError):
            service.stores.require_ready()
            holds = store.run(_open_holds)  # as a call that asks to be admitted
            with suppress(StoreError):  # which may be the connections for looks alone
                seen = overview(place, place.health(service.runtime.clock.now()))
                status = service.governor.status()
        leases = service.stores.leases
        metrics = StoreMetrics(store.tally, seen, leases, is_up=holds is not None)
        text = service.metrics.text(status, holds or 0, metrics)
        return Response(text, headers={"content-type": CONTENT_TYPE})

    return router


def _open_holds(unit: Unit) -> int:
    return len(unit.held())
