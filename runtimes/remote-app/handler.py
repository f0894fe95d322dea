"""Posts a job to an app that runs elsewhere, and waits for its answer."""

import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

from orch_sdk import serve

# An answer holds images; more than that is surely a mistake.
MOST_BYTES = 256 * 1024 * 1024
# What fits into the output of a job; the rest becomes a file.
MOST_OUTPUT_BYTES = 1024 * 1024 - 4096


class RemoteError(Exception):
    """The app did not do the job."""


class Call:
    """One request, on a thread of its own, so that it can be broken off while it waits."""

    def __init__(self, endpoint, body, headers, timeout):
        url = urlsplit(endpoint)
        make = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self.connection = make(url.hostname, url.port, timeout=timeout)
        self.path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self.body = body
        self.headers = headers
        self.answer = None
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.connection.request("POST", self.path, self.body, self.headers)
            response = self.connection.getresponse()
            data = response.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise RemoteError("the answer is longer than 256 MiB")
            self.answer = (response.status, data)
        except Exception as error:
            self.error = error
        finally:
            self.connection.close()

    def stop(self):
        sock = self.connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It has just ended.


def wait_for(call, timeout, ctx):
    deadline = time.monotonic() + timeout
    while call.thread.is_alive():
        call.thread.join(0.05)
        if ctx.cancelled:
            call.stop()
            return False
        if time.monotonic() > deadline:
            call.stop()
            raise TimeoutError(f"no answer within {timeout:g} s")
    return True


def read_answer(call):
    if isinstance(call.error, TimeoutError):
        raise call.error
    if call.error is not None:
        raise RemoteError(f"the app cannot be reached: {call.error}")
    status, data = call.answer
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not 200 <= status < 300:
        said = answer.get("message") or answer.get("detail") if isinstance(answer, dict) else None
        raise RemoteError(f"the app answered {status}" + (f": {said}" if said else ""))
    if not isinstance(answer, dict):
        raise RemoteError("the app's answer is no JSON object")
    if answer.get("success") is False:
        raise RemoteError(str(answer.get("message") or answer.get("error") or "the app says that it failed"))
    return answer.get("output")


class RemoteApp:
    def load(self, params):
        pass  # There is nothing to load.

    def run(self, params, ctx):
        if params["problem"]:
            raise ValueError(params["problem"])
        if not params.get("endpoint"):
            raise ValueError("no endpoint is given")
        given = params["body"]
        if params.get("bodyFile"):
            with open(params["bodyFile"], encoding="utf-8") as file:
                given = file.read()
        job_id = f"{params['id']}{ctx.job_id:012d}" if params["id"] else str(ctx.job_id)
        body = json.dumps({"job_id": job_id, "params": json.loads(given)}).encode()
        headers = {"Content-Type": "application/json", "X-Job-ID": job_id, "X-App-ID": params["app"]}
        call = Call(params["endpoint"], body, headers, params["timeout"])
        if not wait_for(call, params["timeout"], ctx):
            return None
        output = read_answer(call)
        text = json.dumps(output)
        if len(text.encode()) <= MOST_OUTPUT_BYTES:
            return output
        ctx.save("output.json", text.encode(), "application/json")
        return None


serve(RemoteApp)
