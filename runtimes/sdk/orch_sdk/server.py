"""Answers orch on the worker's socket."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any, Callable, Dict, Optional, Tuple

from .http1 import STREAM_END, STREAM_HEAD, BadRequest, Request, RequestReader, chunk, json_response
from .runs import JobRequest, Refused, Run, RunTable

# How long the head of a stream waits for the first events, so that a short job is answered with one write.
HEAD_DELAY_S = 0.05


class State:
    """What the worker says of itself."""

    def __init__(self) -> None:
        self.status = "starting"
        self.detail: Optional[str] = None
        self.failure_seen = threading.Event()

    def health(self) -> Dict[str, Any]:
        return {"status": self.status, "detail": self.detail, "vramBytes": vram_bytes()}


def vram_bytes() -> Optional[int]:
    """GPU memory held by torch in this process, or None where torch is not in use. Never imports it."""
    torch = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_initialized():
            return None
        return sum(int(torch.cuda.memory_reserved(device)) for device in range(torch.cuda.device_count()))
    except Exception:  # torch may be half imported in another thread
        return None


def listen(path: str) -> socket.socket:
    """Binds the Unix socket, replacing one that a dead worker left. Only our own user may connect."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(umask)
    listener.listen(64)
    return listener


class Server:
    """One thread per connection; orch keeps a few of them open."""

    def __init__(self, listener: socket.socket, state: State, runs: RunTable, handler_call: Callable[[str], Any]):
        self._listener = listener
        self._state = state
        self._runs = runs
        self._handler_call = handler_call
        self._moving = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._accept, name="orch-accept", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                print(f"orch_sdk: accept: {error}", file=sys.stderr)
                continue
            threading.Thread(target=self._talk, args=(connection,), name="orch-talk", daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        reader = RequestReader(connection)
        with connection:
            try:
                while True:
                    request = reader.read()
                    if request is None:
                        return
                    self._answer(connection, request)
                    if not request.keep_alive:
                        return
            except BadRequest as error:
                self._last_word(connection, json_response(400, {"error": str(error)}))
            except OSError:
                # The daemon is gone. Jobs run on; a new daemon attaches to them again.
                return

    @staticmethod
    def _last_word(connection: socket.socket, data: bytes) -> None:
        try:
            connection.sendall(data)
        except OSError:
            pass

    def _answer(self, connection: socket.socket, request: Request) -> None:
        route = (request.method, request.path)
        if request.path.startswith("/jobs/"):
            self._answer_job(connection, request)
        elif route == ("GET", "/healthz"):
            health = self._state.health()
            connection.sendall(json_response(200, health))
            if health["status"] == "failed":
                self._state.failure_seen.set()
        elif route in (("POST", "/sleep"), ("POST", "/wake")):
            connection.sendall(json_response(*self._call(request.path[1:])))
        else:
            connection.sendall(json_response(404, {"error": f"no route {request.method} {request.path}"}))

    def _call(self, name: str) -> Tuple[int, Any]:
        """Sleeps or wakes. Asking again, also while it is being done, does no harm."""
        with self._moving:
            before, after = ("ready", "asleep") if name == "sleep" else ("asleep", "ready")
            if self._state.status == after:
                return 200, {}
            if self._state.status != before or not self._runs.is_idle:
                message = f"the worker is {'busy' if self._state.status == 'ready' else self._state.status}"
                return 409, {"type": "error", "code": "busy", "message": message}
            return self._move(name, after)

    def _move(self, name: str, after: str) -> Tuple[int, Any]:
        try:
            self._handler_call(name)
            self._state.status = after
        except NotImplementedError:
            return 501, {"error": f"this worker has no {name}"}
        except Exception as error:
            return 500, {"error": f"{type(error).__name__}: {error}"}
        return 200, {}

    def _answer_job(self, connection: socket.socket, request: Request) -> None:
        name = request.path[len("/jobs/") :]
        if not (name.isascii() and name.isdigit()) or request.method not in ("POST", "DELETE"):
            connection.sendall(json_response(404, {"error": f"no route {request.method} {request.path}"}))
        elif request.method == "DELETE":
            connection.sendall(json_response(200, {"cancelled": self._runs.cancel(int(name))}))
        else:
            self._run(connection, parse_job(int(name), request.body))

    def _run(self, connection: socket.socket, request: JobRequest) -> None:
        try:
            if self._state.status != "ready":
                raise Refused("busy", f"the worker is {self._state.status}")
            run = self._runs.admit(request)
        except Refused as refusal:
            event = {"type": "error", "code": refusal.code, "message": refusal.message}
            connection.sendall(json_response(409, event))
            return
        self._stream(connection, run)

    def _stream(self, connection: socket.socket, run: Run) -> None:
        lines, number, finished = run.events.wait(0, HEAD_DELAY_S)
        head = STREAM_HEAD
        while True:
            body = chunk(lines) if lines else b""
            connection.sendall(head + body + (STREAM_END if finished else b""))
            if finished:
                self._runs.delivered(run)
                return
            head = b""
            lines, number, finished = run.events.wait(number, None)


def parse_job(job_id: int, body: bytes) -> JobRequest:
    """Reads the body of POST /jobs/:id. Raises BadRequest."""
    try:
        value = json.loads(body)
        attempt, fence = value["attempt"], value["fence"]
        params, output_dir = value["params"], value["outputDir"]
    except (ValueError, KeyError, TypeError):
        raise BadRequest("a job needs attempt, fence, params and outputDir") from None
    right = isinstance(params, dict) and isinstance(output_dir, str)
    if not right or type(attempt) is not int or type(fence) is not int:
        raise BadRequest("a job needs attempt and fence (integers), params (object) and outputDir (string)")
    # An older daemon does not send it.
    correlation = value.get("correlation", "")
    if not isinstance(correlation, str):
        raise BadRequest("the correlation of a job is a string")
    return JobRequest(job_id, attempt, fence, params, output_dir, correlation)
