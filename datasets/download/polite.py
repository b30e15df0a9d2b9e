"""Polite requests: few at a time per host, none to a host that asks for a pause.

Waiting tasks occupy no worker, so one slow host does not hold up the others.
"""

import heapq
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from datasets.download.addresses import host_of


class Clock:
    """The time, and waiting; tests replace it."""

    def now(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def wait_until(self, changed: threading.Condition, when: float) -> None:
        """Wait for a notification, at most until ``when``, which may be infinite."""
        seconds = when - self.now()
        changed.wait(seconds if seconds < threading.TIMEOUT_MAX else None)


@dataclass(frozen=True)
class Backoff:
    """Exponential pauses with jitter between the attempts at one address.

    Attributes:
        attempts: requests per address.
        base_s: longest pause after the first attempt; it doubles with every attempt.
        cap_s: longest pause that we choose.
        patience_s: longest pause that we accept from a server. If it asks for more, its images are
            left to a later run.
        draw: returns a random number in [0, 1).
    """

    attempts: int = 5
    base_s: float = 1.0
    cap_s: float = 60.0
    patience_s: float = 300.0
    draw: Callable[[], float] = random.random

    def pause(self, attempt: int, wait_s: float | None) -> float:
        """Return the seconds to wait after the given attempt, counted from 1.

        Args:
            wait_s: seconds that the server asks for, which are the least, or None.
        """
        longest = min(self.cap_s, self.base_s * 2 ** (attempt - 1))
        jittered = longest * (0.5 + 0.5 * self.draw())
        if wait_s is None:
            return jittered
        return wait_s + 0.1 * jittered


@dataclass(eq=False)
class Task:
    """One image to fetch, for one or several files.

    Attributes:
        names: paths below the root.
        urls: addresses of the image; the first one is tried.
        others: addresses that remain if the current one fails.
        url: address of the next request: one of ``urls``, or the target of a redirect.
        attempts: requests sent to the current address.
        redirects: redirects followed from it.
    """

    names: list[str]
    urls: tuple[str, ...]
    others: list[str] = field(default_factory=list)
    url: str = ""
    attempts: int = 0
    redirects: int = 0


@dataclass
class _Host:
    waiting: list[tuple[float, int, Task]] = field(default_factory=list)  # heap by time
    active: int = 0
    paused_until: float = 0.0
    refusal: str = ""
    failures: int = 0  # tasks in a row that got no answer


class HostQueue:
    """Hand out tasks to threads.

    Args:
        per_host: requests at a time to one host.
        max_failures: tasks in a row without any answer after which a host counts as down.
    """

    def __init__(
        self, tasks: Iterable[Task], *, per_host: int, clock: Clock, max_failures: int = 5
    ) -> None:
        self.per_host = per_host
        self.clock = clock
        self.max_failures = max_failures
        self.is_stopped = False
        self._changed = threading.Condition()
        self._hosts: dict[str, _Host] = {}
        self._turns: deque[str] = deque()  # hosts with waiting tasks
        self._order = itertools.count()
        self._unfinished = 0
        for task in tasks:
            self._unfinished += 1
            self._push(task, 0.0)

    def take(self) -> Task | None:
        """Wait for a task that may be sent now; None when all are finished, or after a stop."""
        with self._changed:
            while self._unfinished and not self.is_stopped:
                host, when = self._next_host()
                if host is not None:
                    return self._pop(host)
                self.clock.wait_until(self._changed, when)
            return None

    def finish(self, task: Task) -> None:
        """End a task that :meth:`take` gave."""
        with self._changed:
            self._release(task)
            self._unfinished -= 1

    def put_back(self, task: Task, *, url: str = "", delay: float = 0.0) -> None:
        """Return a task that :meth:`take` gave, for another request.

        Args:
            url: the new address, empty for the same one.
            delay: seconds to wait.
        """
        with self._changed:
            self._release(task)
            task.url = url or task.url
            self._push(task, self.clock.now() + delay)

    def pause(self, task: Task, delay: float) -> None:
        """Send nothing to the task's host for so many seconds."""
        with self._changed:
            host = self._host(task)
            host.paused_until = max(host.paused_until, self.clock.now() + delay)

    def refuse(self, task: Task, reason: str) -> None:
        """Give the host up: :meth:`refusal` returns the reason from now on."""
        with self._changed:
            self._host(task).refusal = reason

    def refusal(self, task: Task) -> str:
        """Return the reason why the task's host gets no more requests, empty if there is none."""
        with self._changed:
            return self._host(task).refusal

    def note_answer(self, task: Task) -> None:
        """The host has answered, so it is not down."""
        with self._changed:
            self._host(task).failures = 0

    def note_silence(self, task: Task, reason: str) -> None:
        """All attempts of a task got no answer; after several such tasks the host is given up."""
        with self._changed:
            host = self._host(task)
            host.failures += 1
            if host.failures >= self.max_failures:
                host.refusal = reason

    def stop(self) -> None:
        """Hand out no more tasks."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()

    def _host(self, task: Task) -> _Host:
        return self._hosts.setdefault(host_of(task.url), _Host())

    def _push(self, task: Task, when: float) -> None:
        host = self._host(task)
        if not host.waiting:
            self._turns.append(host_of(task.url))
        heapq.heappush(host.waiting, (when, next(self._order), task))

    def _pop(self, name: str) -> Task:
        host = self._hosts[name]
        task = heapq.heappop(host.waiting)[2]
        if not host.waiting:
            self._turns.remove(name)
        host.active += 1
        return task

    def _release(self, task: Task) -> None:
        self._host(task).active -= 1
        self._changed.notify_all()

    def _next_host(self) -> tuple[str | None, float]:
        """Return a host that may be asked now, or None and the time at which one may be."""
        now = self.clock.now()
        soonest = float("inf")
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            when = self._free_at(self._hosts[name])
            if when <= now:
                return name, now
            soonest = min(soonest, when)
        return None, soonest

    def _free_at(self, host: _Host) -> float:
        if host.active >= self.per_host:
            return float("inf")
        if host.refusal:
            return 0.0
        return max(host.waiting[0][0], host.paused_until)
