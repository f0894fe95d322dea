"""orch SDK: write a handler, and orch runs it on the GPU.

`serve(Handler())` keeps a model loaded and runs one job after the other (protocol `orch`);
`job()` is for a program that is one job by itself (protocol `exec`).
"""

from .context import Cancelled, Context
from .exec_job import ExecJob, job
from .worker import serve

__all__ = ["Cancelled", "Context", "ExecJob", "job", "serve"]
