"""What a handler gets for each job: `ctx`."""

from __future__ import annotations

import math
import mimetypes
import os
import tempfile
from typing import Callable, Optional, Union

from .event_log import MAX_TEXT_CHARS, Event, clip

# Of the whole text of a job, as of its output.
MAX_WRITTEN_BYTES = 1024 * 1024


class Cancelled(Exception):
    """Raised by `ctx.check_cancelled()`; a handler may also raise it by itself."""


def output_path(output_dir: str, name: str) -> str:
    """The absolute path of artifact `name`, which must lie inside the output folder (also behind links).

    Raises ValueError for any other name.
    """
    parts = name.split("/")
    if name == "" or "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"artifact name {name!r} must be a relative path inside the output folder")
    root = os.path.realpath(output_dir)
    path = os.path.join(root, *parts)
    parent = os.path.realpath(os.path.dirname(path))
    if parent != root and not parent.startswith(root + os.sep):
        raise ValueError(f"artifact name {name!r} leads out of the output folder")
    return path


def save_file(output_dir: str, name: str, data: Union[bytes, bytearray, memoryview, str]) -> str:
    """Writes an artifact so that it is there whole or not at all. Gives its path."""
    path = output_path(output_dir, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".saving-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        # mkstemp makes files private; an artifact is as readable as any other file of the job.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


class Context:
    """Reports to orch what a job does. Its methods may be called from any thread."""

    def __init__(
        self,
        job_id: int,
        output_dir: str,
        emit: Callable[[Event], None],
        emit_progress: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
        correlation: str = "",
    ) -> None:
        self.job_id = job_id
        # The id that goes with the job from its submission on: for what the handler itself logs or calls.
        self.correlation = correlation
        self._output_dir = output_dir
        self._emit = emit
        self._emit_progress = emit_progress
        self._is_cancelled = is_cancelled
        self._written_bytes = 0

    @property
    def output_dir(self) -> str:
        """The folder of this job's files, for programs that want to write there themselves."""
        os.makedirs(self._output_dir, mode=0o700, exist_ok=True)
        return self._output_dir

    @property
    def cancelled(self) -> bool:
        """True once the job is to stop. A handler looks at it between its steps and returns."""
        return self._is_cancelled()

    def check_cancelled(self) -> None:
        """Raises Cancelled once the job is to stop."""
        if self._is_cancelled():
            raise Cancelled("the job was cancelled")

    def progress(self, fraction: float, text: Optional[str] = None) -> None:
        """Says how far the job is: 0 to 1, and in a few words. Cheap enough for every step of a loop."""
        value = float(fraction)
        if math.isnan(value):
            return
        words = None if text is None else clip(text)
        self._emit_progress({"type": "progress", "fraction": min(1.0, max(0.0, value)), "text": words})

    def log(self, text: str) -> None:
        """Adds a line to the job's log."""
        self._emit({"type": "log", "text": clip(text)})

    def write(self, text: str) -> None:
        """The next piece of the text that the job makes, for whoever reads along. Cheap enough for every token.

        All of it is the output, unless `run` returns another one. Raises ValueError beyond 1 MiB.
        """
        self._written_bytes += len(text.encode("utf-8", "surrogatepass"))
        if self._written_bytes > MAX_WRITTEN_BYTES:
            raise ValueError(f"the text has more than {MAX_WRITTEN_BYTES} bytes: save it as a file")
        for start in range(0, len(text), MAX_TEXT_CHARS):
            self._emit({"type": "text", "text": text[start : start + MAX_TEXT_CHARS]})

    def save(self, name: str, data: Union[bytes, bytearray, memoryview, str], type: Optional[str] = None) -> str:
        """Saves a file as a result of the job and gives its path. `type` is a MIME type, else guessed by name."""
        path = save_file(self._output_dir, name, data)
        mime = type if type is not None else mimetypes.guess_type(name)[0]
        artifact = {"name": name, "bytes": os.path.getsize(path), "type": mime}
        self._emit({"type": "artifact", "artifact": artifact})
        return path
