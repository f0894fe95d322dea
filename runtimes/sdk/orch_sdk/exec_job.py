"""`job`: reporting for a program that is one job by itself (protocol `exec`)."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from types import TracebackType
from typing import Any, Dict, Mapping, Optional, Type

from .context import Context
from .event_log import MAX_LINE_BYTES, PROGRESS_INTERVAL_S, Event, encode

MANUAL_OUTPUT_DIR = "output"


class EventFile:
    """Appends events to the file that orch follows, or tells them on stderr when there is none."""

    def __init__(self, path: Optional[str]) -> None:
        self._lock = threading.RLock()
        self._descriptor = None if not path else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._pending: Optional[Event] = None
        self._last_progress_s = float("-inf")
        self._timer: Optional[threading.Timer] = None

    def add(self, event: Event) -> None:
        with self._lock:
            self.flush()
            self._write(event)

    def add_progress(self, event: Event) -> None:
        """At most 20 a second; the newest one is written when its time has come, or before the next event."""
        with self._lock:
            wait_s = self._last_progress_s + PROGRESS_INTERVAL_S - time.monotonic()
            self._pending = event
            if wait_s <= 0:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self._on_timer)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        with self._lock:
            event, self._pending = self._pending, None
            if event is not None:
                self._last_progress_s = time.monotonic()
                self._write(event)

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
            self.flush()

    def _write(self, event: Event) -> None:
        line = encode(event)
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"the {event['type']} event has {len(line)} bytes, more than {MAX_LINE_BYTES}")
        if self._descriptor is None:
            print(manual_line(event), file=sys.stderr)
            return
        view = memoryview(line)
        while view:
            view = view[os.write(self._descriptor, view) :]


def manual_line(event: Event) -> str:
    """An event as a person reads it."""
    if event["type"] == "progress":
        return f"{event['fraction']:6.1%} {event['text'] or ''}".rstrip()
    if event["type"] == "artifact":
        return f"saved {event['artifact']['name']} ({event['artifact']['bytes']} bytes)"
    return str(event.get("text", json.dumps(event.get("output"))))


class ExecJob(Context):
    """The job that this program is. `params` are its parameters."""

    def __init__(self, params: Dict[str, Any], events: EventFile, job_id: int, output_dir: str) -> None:
        self._term_seen = False
        correlation = os.environ.get("ORCH_CORRELATION", "")
        super().__init__(
            job_id, output_dir, events.add, events.add_progress, lambda: self._term_seen, correlation
        )
        self.params = params
        self._events = events

    def output(self, value: Any) -> None:
        """Sets the result of the job: anything that JSON can hold."""
        self._emit({"type": "output", "output": value})

    def catch_term(self) -> None:
        """From now on SIGTERM sets `cancelled` instead of ending the program, which has to look at it and end."""

        def on_term(_number: int, _frame: Any) -> None:
            self._term_seen = True

        signal.signal(signal.SIGTERM, on_term)

    def __enter__(self) -> "ExecJob":
        return self

    def __exit__(
        self,
        _type: Optional[Type[BaseException]],
        _error: Optional[BaseException],
        _traceback: Optional[TracebackType],
    ) -> None:
        self._events.flush()


def job(defaults: Optional[Mapping[str, Any]] = None) -> ExecJob:
    """The job that orch started this program for.

    Run by hand, without orch, it has the parameters `defaults`, reports on stderr and saves into ./output.
    """
    params: Dict[str, Any] = dict(defaults or {})
    params_path = os.environ.get("ORCH_PARAMS")
    if params_path:
        with open(params_path, encoding="utf-8") as file:
            params.update(json.load(file))
    events = EventFile(os.environ.get("ORCH_EVENTS"))
    atexit.register(events.flush)
    output_dir = os.environ.get("ORCH_OUTPUT_DIR") or os.path.abspath(MANUAL_OUTPUT_DIR)
    return ExecJob(params, events, int(os.environ.get("ORCH_JOB", "0")), output_dir)
