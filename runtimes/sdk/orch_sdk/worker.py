"""`serve`: the life of a resident worker."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import Any, Callable, NoReturn, Optional, Union

from .context import Cancelled
from .event_log import MAX_LINE_BYTES, encode
from .runs import Run, RunTable
from .server import Server, State, listen

# How long a worker that failed to load stays, so that orch can read why.
FAILURE_SEEN_TIMEOUT_S = 2.0
TERM_EXIT_CODE = 143

Task = Callable[[], None]


def serve(handler: Any) -> NoReturn:
    """Loads `handler` once, then runs the jobs that orch hands over, until SIGTERM.

    `handler` (an object, or a class without constructor arguments) has `run(params, ctx)` and, if it likes,
    `load(params)`, `unload()`, `sleep()` and `wake()`. `load` and, with one slot, every `run` are called on the main
    thread, as many GPU libraries want it.
    """
    path = os.environ.get("ORCH_SOCKET")
    if not path:
        leave(2, "orch_sdk.serve() is started by orch, which sets ORCH_SOCKET; use job() for a program of its own")
    Worker(handler, path, int(os.environ.get("ORCH_SLOTS", "1"))).run()


class Worker:
    def __init__(self, handler: Any, socket_path: str, slots: int) -> None:
        self._handler = handler
        self._slots = slots
        self._state = State()
        self._tasks: "queue.SimpleQueue[Task]" = queue.SimpleQueue()
        self._leaving = threading.Lock()
        self._runs = RunTable(slots, int(os.environ.get("ORCH_FENCE", "0")), self._enqueue)
        try:
            listener = listen(socket_path)
        except OSError as error:
            leave(1, f"orch_sdk: cannot listen on {socket_path}: {error}")
        self._server = Server(listener, self._state, self._runs, self._call_when_idle)

    def run(self) -> NoReturn:
        self._catch_signals()
        # The socket answers from now on, also while load() takes its minutes.
        self._server.start()
        self._load()
        for _ in range(self._slots - 1):
            threading.Thread(target=self._work, name="orch-slot", daemon=True).start()
        self._work()
        raise AssertionError("the worker loop never ends")

    def _load(self) -> None:
        try:
            params = json.loads(os.environ.get("ORCH_LOAD") or "{}")
            if isinstance(self._handler, type):
                self._handler = self._handler()
            load = getattr(self._handler, "load", None)
            if load is not None:
                load(params)
            self._state.status = "ready"
        except BaseException as error:  # SystemExit too: a handler that gives up must be seen to fail
            traceback.print_exc()
            self._state.detail = describe(error)
            self._state.status = "failed"
            self._state.failure_seen.wait(FAILURE_SEEN_TIMEOUT_S)
            leave(1)

    def _work(self) -> NoReturn:
        while True:
            self._tasks.get()()

    def _enqueue(self, run: Run) -> None:
        self._tasks.put(lambda: self._execute(run))

    def _execute(self, run: Run) -> None:
        try:
            output = self._handler.run(run.request.params, run.context())
            line = encode({"type": "output", "output": output})
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(f"the output has {len(line)} bytes, more than {MAX_LINE_BYTES}: save it as a file")
            run.events.add({"type": "output", "output": output})
            last = {"type": "done"}
        except BaseException as error:  # a handler that calls sys.exit() ends its job, not the worker
            last = {"type": "error", "code": failure_code(error), "message": describe(error)}
            if isinstance(error, Cancelled):
                last["code"] = "cancelled"
            elif not run.is_cancelled:
                traceback.print_exc()
        if run.is_cancelled:
            # What a handler returns after it was told to stop is not the result that was asked for.
            last = {"type": "error", "code": "cancelled", "message": "the job was cancelled"}
        sys.stdout.flush()
        self._runs.finish(run, last)

    def _call_when_idle(self, name: str) -> None:
        """Calls sleep() or wake() of the handler on a worker thread. Raises NotImplementedError where one is missing."""
        methods = {each: getattr(self._handler, each, None) for each in ("sleep", "wake")}
        method = methods[name]
        if method is None or None in methods.values():
            raise NotImplementedError
        answers: "queue.SimpleQueue[Union[None, BaseException]]" = queue.SimpleQueue()

        def task() -> None:
            try:
                method()
                answers.put(None)
            except BaseException as error:
                traceback.print_exc()
                answers.put(error)

        self._tasks.put(task)
        error = answers.get()
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError(describe(error))

    def _catch_signals(self) -> None:
        # A Python signal handler runs on the main thread between two bytecodes, so not during a long call into a GPU
        # library. The wake-up descriptor is written by the C handler at once; a thread of its own reads it.
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        codes = {signal.SIGTERM: TERM_EXIT_CODE, signal.SIGINT: 130}
        for number in codes:
            signal.signal(number, lambda caught, _frame: self._leave_on_signal(codes[signal.Signals(caught)]))
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

        def watch() -> None:
            keep_open = writer  # closed with this thread only
            while keep_open.fileno() >= 0:
                for number in reader.recv(16):
                    if number in codes:
                        self._leave_on_signal(codes[signal.Signals(number)])

        threading.Thread(target=watch, name="orch-signals", daemon=True).start()

    def _leave_on_signal(self, exit_code: int) -> None:
        # The first caller leaves; the same signal also arrives on the main thread.
        if not self._leaving.acquire(blocking=False):
            return
        was_ready = self._state.status == "ready"
        self._runs.cancel_all()
        unload = getattr(self._handler, "unload", None)
        if was_ready and unload is not None:
            try:
                unload()
            except BaseException:
                traceback.print_exc()
        leave(exit_code)


def failure_code(error: BaseException) -> str:
    """`out-of-memory` when the GPU's memory was too small (PyTorch, CuPy), else `failed`.

    By name: this file may not import them. What was raised from such an error counts too. Other libraries are known
    by their messages, on the other side.
    """
    seen: Optional[BaseException] = error
    for _ in range(16):
        if seen is None:
            break
        if any(kind.__name__ == "OutOfMemoryError" for kind in type(seen).__mro__):
            return "out-of-memory"
        seen = seen.__cause__
    return "failed"


def describe(error: BaseException) -> str:
    """`TypeName: text`, the last line of a traceback."""
    return traceback.format_exception_only(type(error), error)[-1].strip()[:4096]


def leave(exit_code: int, message: str = "") -> NoReturn:
    """Ends the process now: a handler's threads and exit hooks may not hold up the GPU."""
    if message:
        print(message, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(exit_code)
