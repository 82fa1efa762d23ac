"""Who decides whether a step runs: its caller or the writer, never both (RES-9)."""

from __future__ import annotations

import threading

import pytest

from corvus.store.writer import Job, claimed


@pytest.mark.parametrize("keep", [False, True])
def test_a_finished_job_is_never_given_up(keep: bool) -> None:
    """Its caller would be told that nothing was changed, or that it is still waiting."""
    job = Job(lambda unit: None, keep=keep)
    assert claimed([job]) == [job]
    job.finish()
    assert not job.give_up()
    assert not job.give_up(), "nor at the second try"
    assert claimed([job]) == [], "and nobody runs it again"
    assert job.done.acquire(blocking=False)


def test_a_job_that_runs_is_not_withdrawn() -> None:
    job = Job(lambda unit: None)
    assert claimed([job]) == [job]
    assert not job.give_up()


def test_a_withdrawn_job_never_runs_and_a_kept_one_still_does() -> None:
    withdrawn, kept = Job(lambda unit: None), Job(lambda unit: None, keep=True)
    assert withdrawn.give_up()
    assert kept.give_up()
    assert claimed([withdrawn, kept]) == [kept]


def test_a_kept_job_that_was_left_tells_its_hearer_once() -> None:
    heard: list[object] = []
    over = threading.Event()

    def hear(result: object, fault: BaseException | None) -> None:
        heard.append((result, fault))
        over.set()

    job = Job(lambda unit: None, keep=True, when_late=hear)
    assert job.give_up()
    assert claimed([job]) == [job]
    job.result = "done"
    job.finish()
    assert over.wait(5)
    assert heard == [("done", None)]
    assert not job.done.acquire(blocking=False), "its caller has left"


@pytest.mark.parametrize("keep", [False, True])
def test_of_a_caller_and_a_writer_that_race_one_wins(keep: bool) -> None:
    for _ in range(200):
        one_wins(Job(lambda unit: None, keep=keep))


def one_wins(job: Job) -> None:
    start = threading.Barrier(2)
    given_up: list[bool] = []

    def leave() -> None:
        start.wait()
        given_up.append(job.give_up())

    caller = threading.Thread(target=leave)
    caller.start()
    start.wait()
    ran = claimed([job])
    for one in ran:
        one.finish()
    caller.join()
    was_told = job.done.acquire(blocking=False)
    assert was_told is not given_up[0], "told, or gone"
    assert bool(ran) or given_up[0]
