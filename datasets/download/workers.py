"""Threads that fetch images: send, follow, repeat, check, publish."""

import errno
import queue
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from core.files import publish
from datasets.download.client import Client, Fault, Limits, Stopped
from datasets.download.manifest import Entry, Manifest, Missing, file_digest, now_utc
from datasets.download.parts import PartFile
from datasets.download.pictures import find_fault, find_placeholders, placeholder_reason
from datasets.download.polite import Backoff, Clock, HostQueue, Task

MAX_REDIRECTS = 5
JOIN_S = 2.0  # an interruption waits so long for the threads; partial files survive their end
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class Settings:
    """Settings of a download.

    Attributes:
        width: width in pixels asked of hosts that resize; 0 for the original.
        workers: requests at a time.
        per_host: requests at a time to one host.
    """

    width: int = 0
    workers: int = 8
    per_host: int = 4
    limits: Limits = field(default_factory=Limits)
    backoff: Backoff = field(default_factory=Backoff)
    clock: Clock = field(default_factory=Clock)


class Download:
    """Threads that fetch the images of tasks.

    Args:
        root: folder of the images.
        manifest: gets a line per image.
    """

    def __init__(
        self, root: Path, manifest: Manifest, tasks: Sequence[Task], settings: Settings
    ) -> None:
        self.root = root
        self.manifest = manifest
        self.settings = settings
        self.num_tasks = len(tasks)
        self.hosts = HostQueue(tasks, per_host=settings.per_host, clock=settings.clock)
        self.client = Client(settings.limits, lambda: self.hosts.is_stopped)
        self.placeholders = find_placeholders(manifest.entries.values())
        self.done: queue.Queue[list[Entry] | list[Missing] | BaseException] = queue.Queue()

    def results(self) -> Iterator[list[Entry] | list[Missing]]:
        """Yield the files of each task, all fetched or all missing.

        Raises:
            UserError: the disk is full or cannot be written.
        """
        number = min(self.settings.workers, self.num_tasks)
        # Daemons: an interruption must not wait for a silent server.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(number)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self.num_tasks):
                result = self.done.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            self.hosts.stop()
            deadline = time.monotonic() + JOIN_S
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        try:
            while (task := self.hosts.take()) is not None:
                self._send(task)
        except OSError as error:
            message = f"cannot continue: {error}; make room and run the same command again"
            self.done.put(UserError(message))
        except BaseException as error:
            self.done.put(error)

    def _send(self, task: Task) -> None:
        """Send one request of a task and decide what follows."""
        part = PartFile(self.root / task.names[0])
        try:
            refusal = self.hosts.refusal(task)
            if refusal:
                self._fail(task, refusal)
                return
            task.attempts += 1
            target = self.client.fetch(task.url, part)
            self.hosts.note_answer(task)
            if target is not None:
                self._follow(task, target)
                return
            self._finish(task, self._publish(task, part))
        except Fault as fault:
            self._recover(task, part, fault)
        except Stopped:
            self.hosts.finish(task)
        except OSError as error:
            if error.errno in FULL_DISK:
                raise
            self._fail(task, f"cannot be written: {error.strerror or error}")

    def _follow(self, task: Task, target: str) -> None:
        if task.redirects == MAX_REDIRECTS:
            raise Fault(f"more than {MAX_REDIRECTS} redirects")
        task.redirects += 1
        task.attempts = 0
        self.hosts.put_back(task, url=target)

    def _recover(self, task: Task, part: PartFile, fault: Fault) -> None:
        """Repeat the request, try another address, or give the image up."""
        backoff = self.settings.backoff
        reason = str(fault)
        if fault.no_answer and task.attempts == backoff.attempts:
            self.hosts.note_silence(task, reason)
        elif not fault.no_answer:
            self.hosts.note_answer(task)
        if not fault.may_pass:
            part.discard()
        elif (fault.wait_s or 0) > backoff.patience_s:
            reason += f": the host asks to wait {fault.wait_s:.0f} s, so run again later"
            if fault.is_busy:
                self.hosts.refuse(task, reason)
        elif task.attempts < backoff.attempts:
            delay = backoff.pause(task.attempts, fault.wait_s)
            if fault.is_busy:
                self.hosts.pause(task, delay)
            self.hosts.put_back(task, delay=delay)
            return
        self._fail(task, reason)

    def _fail(self, task: Task, reason: str) -> None:
        """Try the next address of the image, or report that it is missing."""
        if task.others:
            task.attempts = task.redirects = 0
            self.hosts.put_back(task, url=task.others.pop(0))
            return
        missing = []
        for name in task.names:
            missing.append(Missing(name, " ".join(task.urls), reason))
        self._finish(task, missing)

    def _finish(self, task: Task, result: list[Entry] | list[Missing]) -> None:
        self.hosts.finish(task)
        self.done.put(result)

    def _publish(self, task: Task, part: PartFile) -> list[Entry]:
        """Check the picture and move it to its places.

        Raises:
            Fault: the bytes are no picture.
        """
        fault = find_fault(part.path)
        if fault:
            raise Fault(fault)
        size = part.path.stat().st_size
        digest = file_digest(part.path)
        if digest in self.placeholders:
            raise Fault(placeholder_reason(self.placeholders[digest], size))
        source = part.target
        publish(part.path, source)
        part.discard()
        entries = []
        for name in task.names:
            if self.root / name != source:
                _copy(source, self.root / name)
            origin = task.urls[-1 - len(task.others)]  # before redirects
            entries.append(Entry(name, origin, size, digest, now_utc()))
            self.manifest.add(entries[-1])
        return entries


def _copy(source: Path, target: Path) -> None:
    part = PartFile(target)
    part.restart("", "").close()
    shutil.copyfile(source, part.path)
    publish(part.path, target)
