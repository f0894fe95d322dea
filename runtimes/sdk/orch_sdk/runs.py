"""Which jobs a worker takes, and what became of them."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from .context import Context
from .event_log import EventLog

# Runs whose events stay readable after their end, for a daemon that was restarted meanwhile.
KEPT_RUNS = 64
# A run that nobody ever read is kept longer, though not for ever.
KEPT_UNREAD_RUNS = 1024


class JobRequest(NamedTuple):
    job_id: int
    attempt: int
    fence: int
    params: Dict[str, Any]
    output_dir: str
    correlation: str = ""


class Refused(Exception):
    """The worker does not take a job: `code` is stale-fence or busy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Run:
    """One attempt at a job."""

    def __init__(self, request: JobRequest) -> None:
        self.request = request
        self.events = EventLog()
        self.is_cancelled = False
        self.is_finished = False
        self.is_delivered = False

    def context(self) -> Context:
        request, events = self.request, self.events
        return Context(
            request.job_id,
            request.output_dir,
            events.add,
            events.add_progress,
            lambda: self.is_cancelled,
            request.correlation,
        )


class RunTable:
    """Admits jobs by fence and free slots. The same job and attempt is never run twice: it is attached to."""

    def __init__(self, slots: int, fence: int, start: Callable[[Run], None]) -> None:
        self._lock = threading.Lock()
        self._slots = slots
        self._fence = fence
        self._start = start
        self._active = 0
        self._runs: Dict[Tuple[int, int], Run] = {}

    def admit(self, request: JobRequest) -> Run:
        """Starts a job, or finds the run it was started as before. Raises Refused."""
        with self._lock:
            if request.fence < self._fence:
                message = f"fence {request.fence} is older than {self._fence}"
                raise Refused("stale-fence", message)
            self._fence = request.fence
            known = self._runs.get((request.job_id, request.attempt))
            if known is not None:
                return known
            if self._active >= self._slots:
                raise Refused("busy", f"all {self._slots} slots of this worker are taken")
            run = Run(request)
            self._runs[(request.job_id, request.attempt)] = run
            self._active += 1
        self._start(run)
        return run

    def finish(self, run: Run, event: Dict[str, Any]) -> None:
        """Frees the slot, then publishes the last event, so that the next job finds the slot free."""
        with self._lock:
            self._active -= 1
            run.is_finished = True
            self._forget_old()
        run.events.finish(event)

    def delivered(self, run: Run) -> None:
        """The last event of `run` was written to a connection."""
        run.is_delivered = True

    def cancel(self, job_id: int) -> bool:
        """Asks all runs of a job to stop; says whether there was one."""
        with self._lock:
            found = [run for run in self._runs.values() if run.request.job_id == job_id and not run.is_finished]
        for run in found:
            run.is_cancelled = True
        return len(found) > 0

    def cancel_all(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.is_cancelled = True

    @property
    def is_idle(self) -> bool:
        return self._active == 0

    def _forget_old(self) -> None:
        if len(self._runs) <= KEPT_RUNS:
            return
        finished: List[Run] = [run for run in self._runs.values() if run.is_finished]
        for run in finished[: max(0, len(finished) - KEPT_RUNS)]:
            if run.is_delivered or len(self._runs) > KEPT_UNREAD_RUNS:
                del self._runs[(run.request.job_id, run.request.attempt)]
