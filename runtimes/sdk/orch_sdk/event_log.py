"""The events of one run: written by the handler's thread, read by any number of connections."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, List, NamedTuple, Optional, Tuple

# A handler may report every step of a fast loop; people and databases need no more than this.
PROGRESS_INTERVAL_S = 1 / 20
# Pieces of text that come faster than this go together.
TEXT_INTERVAL_S = 1 / 50
MAX_EVENTS = 10_000
MAX_DROPPABLE_BYTES = 8 * 1024 * 1024
# The reader on the other side refuses longer lines.
MAX_LINE_BYTES = 1024 * 1024
MAX_TEXT_CHARS = 64 * 1024

Event = Dict[str, Any]


class Entry(NamedTuple):
    number: int
    line: bytes
    droppable: bool


def encode(event: Event) -> bytes:
    """One event as a line of JSON. NaN and infinity are refused: they are not JSON."""
    return json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def clip(text: object) -> str:
    """A text short enough for one event."""
    full = str(text)
    return full if len(full) <= MAX_TEXT_CHARS else full[:MAX_TEXT_CHARS] + " … (clipped)"


class EventLog:
    """Keeps the events of a run so that they can be read from the start again, by a daemon that was restarted."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._entries: List[Entry] = []
        self._next_number = 0
        self._droppable_bytes = 0
        self._pending: Optional[Tuple[float, bytes]] = None
        self._last_progress_s = float("-inf")
        self._text: Deque[str] = deque()
        self._text_due_s = float("-inf")
        self._is_finished = False

    def add(self, event: Event) -> None:
        """Appends an event. Logs may be dropped when there are too many, the rest is kept."""
        if event["type"] == "text":
            self._add_text(event["text"])
            return
        line = encode(event)
        with self._changed:
            self._promote_pending()
            self._append(line, event["type"] == "log")
            self._changed.notify_all()

    def add_progress(self, event: Event) -> None:
        """Appends a progress event at most 20 times a second; in between, the newest waits for its turn."""
        line = encode(event)
        with self._changed:
            now_s = time.monotonic()
            due_s = self._last_progress_s + PROGRESS_INTERVAL_S
            if now_s < due_s:
                self._pending = (due_s, line)
            else:
                self._pending = None
                self._last_progress_s = now_s
                self._append(line, True)
            self._changed.notify_all()

    def finish(self, event: Event) -> None:
        """Appends the last event; later ones are ignored."""
        line = encode(event)
        with self._changed:
            self._promote_pending()
            self._append(line, False)
            self._is_finished = True
            self._changed.notify_all()

    def wait(self, from_number: int, timeout_s: Optional[float]) -> Tuple[bytes, int, bool]:
        """Waits for events from `from_number` on; gives their lines, the next number, and whether that is all."""
        with self._changed:
            deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
            while self._next_number <= from_number and not self._is_finished:
                now_s = time.monotonic()
                if self._text and now_s >= self._text_due_s:
                    self._flush_text()
                    continue
                if self._pending is not None and now_s >= self._pending[0]:
                    self._promote_pending()
                    continue
                if deadline_s is not None and now_s >= deadline_s:
                    break
                pending_s = self._pending[0] if self._pending else None
                text_s = self._text_due_s if self._text else None
                ends = [s for s in (deadline_s, pending_s, text_s) if s is not None]
                self._changed.wait(min(ends) - now_s if ends else None)
            lines = self._lines_from(from_number)
            return lines, self._next_number, self._is_finished

    def _lines_from(self, from_number: int) -> bytes:
        # The newest entries are at the end and are nearly always the ones asked for.
        first = len(self._entries)
        while first > 0 and self._entries[first - 1].number >= from_number:
            first -= 1
        return b"".join(entry.line for entry in self._entries[first:])

    def _add_text(self, text: str) -> None:
        # Without the lock: a handler that writes character by character would keep it from whoever reads.
        self._text.append(text)
        if len(self._text) > 1 and time.monotonic() < self._text_due_s:
            # Whoever waits knows already when the rest is due.
            return
        with self._changed:
            if time.monotonic() >= self._text_due_s:
                self._flush_text()
            self._changed.notify_all()

    def _flush_text(self) -> None:
        pieces = []
        while self._text:
            pieces.append(self._text.popleft())
        text = "".join(pieces)
        self._text_due_s = time.monotonic() + TEXT_INTERVAL_S
        for start in range(0, len(text), MAX_TEXT_CHARS):
            self._append(encode({"type": "text", "text": text[start : start + MAX_TEXT_CHARS]}), False)

    def _promote_pending(self) -> None:
        if self._text:
            self._flush_text()
        if self._pending is None:
            return
        _, line = self._pending
        self._pending = None
        self._last_progress_s = time.monotonic()
        self._append(line, True)

    def _append(self, line: bytes, droppable: bool) -> None:
        if self._is_finished:
            return
        self._entries.append(Entry(self._next_number, line, droppable))
        self._next_number += 1
        if droppable:
            self._droppable_bytes += len(line)
        if len(self._entries) > MAX_EVENTS or self._droppable_bytes > MAX_DROPPABLE_BYTES:
            self._drop_oldest_half()

    def _drop_oldest_half(self) -> None:
        # Half at once, so that a chatty handler does not pay for this on every line.
        droppable = [entry.number for entry in self._entries if entry.droppable]
        cut = droppable[len(droppable) // 2] if droppable else 0
        self._entries = [entry for entry in self._entries if not entry.droppable or entry.number > cut]
        self._droppable_bytes = sum(len(entry.line) for entry in self._entries if entry.droppable)
