"""Jobs of users: each its own, stopped without touching others'."""

import threading

import pytest
import torch
from torch import nn

from regard.app.work import Job, Sessions, StoppedError


def test_a_job_that_was_asked_to_stop_does_so_at_the_next_pass() -> None:
    work, model, passes = Job(), nn.Linear(2, 2), []

    def five_passes() -> None:
        with work.watching(model, "it"):
            for k in range(5):
                model(torch.zeros(1, 2))
                passes.append(k)
                if k == 1:
                    work.stop()

    with pytest.raises(StoppedError):
        five_passes()
    assert passes == [0, 1]
    assert not model._forward_pre_hooks
    with pytest.raises(StoppedError), work.watching(model, "again"):
        passes.append(99)
    assert 99 not in passes, "it does not begin again"


def test_each_pass_is_reported() -> None:
    said: list[tuple[float | None, str]] = []
    model = nn.Linear(2, 2)
    with Job(lambda *where: said.append(where)).watching(model, "rise", 0.5):
        model(torch.zeros(1, 2))
        model(torch.zeros(1, 2))
    assert said == [(0.5, "rise"), (0.5, "rise"), (0.5, "rise, pass 2")]


def test_users_stop_their_own_jobs_only() -> None:
    sessions = Sessions()
    one, other = sessions.begin("one"), sessions.begin("other")
    sessions.stop("one")
    sessions.stop("nobody")
    with pytest.raises(StoppedError):
        one.at(None, "x")
    other.at(None, "x")
    assert len(sessions) == 1


def test_a_new_job_ends_the_one_before_it() -> None:
    sessions = Sessions()
    first, second = sessions.begin("one"), sessions.begin("one")
    with pytest.raises(StoppedError):
        first.at(None, "x")
    second.at(None, "x")
    assert len(sessions) == 1


def test_one_job_at_a_time_has_a_model() -> None:
    model, inside, most = nn.Linear(2, 2), 0, 0
    lock = threading.Lock()

    def job() -> None:
        nonlocal inside, most
        for _ in range(20):
            with Job().watching(model, "it"):
                with lock:
                    inside += 1
                    most = max(most, inside)
                model(torch.zeros(1, 2))
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=job) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
