import type { FailureCode } from "../../std/failure.ts";

/** What a failure code stands for, and what to do about it. */
export interface FailureText {
  readonly cause: string;
  readonly remedy: string;
}

/** By code, in the order of docs/errors.md. A test sees to it that every code of `failureTable` is here. */
export const failureTexts: Readonly<Partial<Record<FailureCode, FailureText>>> = {
  "usage/invalid": {
    cause: "The command line is wrong: an unknown flag, an unreadable value, flags that exclude each other.",
    remedy: "`orch COMMAND --help` has the flags and examples.",
  },
  "usage/unknown-command": {
    cause: "There is no such command or subcommand.",
    remedy: "`orch --help` lists all; the error names the nearest one.",
  },
  "request/malformed": {
    cause: "A request to the API is no JSON, or not as its route's schema says. The CLI sends none such.",
    remedy: "Compare it with `GET /api/v1/openapi.json`; a CLI newer than the daemon: `orch down; orch up`.",
  },
  "request/too-large": {
    cause: "The body of a request is larger than the route takes.",
    remedy: "Give large inputs as files (params of type `file` take a path), or split a batch.",
  },
  "request/unknown-route": {
    cause: "The daemon does not have this route: a typing error, or a CLI newer than the daemon.",
    remedy: "`orch down; orch up` starts the daemon of this version.",
  },
  "param/unknown": {
    cause: "The runtime has no parameter of this name.",
    remedy: "`orch submit RUNTIME --help` lists its parameters.",
  },
  "param/missing": {
    cause: "A parameter that the runtime requires was not given.",
    remedy: "`orch submit RUNTIME --help` says which are required.",
  },
  "param/invalid": {
    cause: "A value is not of the parameter's type, out of its range, or none of its choices.",
    remedy: "The error says what is allowed; so does `orch runtimes show RUNTIME`.",
  },
  "file/missing": {
    cause: "A file or folder that was named does not exist. Paths are meant from the folder you stand in.",
    remedy: "Check the path; of a job that waited, whether the file was removed since it was submitted.",
  },
  "file/unreadable": {
    cause: "A file is there, but cannot be read or fetched by the user who asked.",
    remedy: "Check its permissions, or the address; the `why:` line has the system's reason.",
  },
  "file/exists": {
    cause: "A file would be overwritten.",
    remedy: "Name another place, or move the old file away.",
  },
  "config/invalid": {
    cause: "A config file has a key or a value that orch does not know; the line is named.",
    remedy: "Mend that line; `orch paths` says which files are read.",
  },
  "runtime/invalid": {
    cause: "A runtime.yaml has errors, each named with its line.",
    remedy: "`orch runtimes validate FOLDER` checks it without a daemon restart.",
  },
  "runtime/start-failed": {
    cause: "A request of the gateway waited for a worker that did not start; the error has its last words.",
    remedy: "`orch logs WORKER`; what has been mended is tried again by `orch workers start RUNTIME`.",
  },
  "runtime/unknown": {
    cause: "No runtime has this name, in the project, the user's, the system's or the shipped ones.",
    remedy: "`orch runtimes` lists them; `orch up --project .` adds those of a project.",
  },
  "job/unknown": {
    cause: "There is no job of this number, or it is not yours to see.",
    remedy: "`orch ls -a` lists the finished ones, too.",
  },
  "job/state": {
    cause: "The job is in a state in which this cannot be done: cancelling a finished one, say.",
    remedy: "`orch show JOB` has its state and how it came there.",
  },
  "job/not-finished": {
    cause: "The job goes on, and the result of a finished one was asked for.",
    remedy: "`orch wait JOB`, then ask again.",
  },
  "job/failed": {
    cause: "The job ended without success. Its own exit code is passed on where it has one.",
    remedy: "`orch logs JOB` has its last words, `orch why JOB` the reason; `orch retry JOB` repeats it.",
  },
  "job/deadline": {
    cause: "The deadline is past, or earlier than the job may begin.",
    remedy: "Give a later `--deadline` or an earlier `--begin`.",
  },
  "worker/unknown": {
    cause: "No worker has this name or number.",
    remedy: "`orch workers ls -a` lists those that are gone, too.",
  },
  "worker/state": {
    cause: "The worker is in a state in which this cannot be done: it is stopping or gone, for instance.",
    remedy: "`orch workers` has the states.",
  },
  "worker/failed": {
    cause: "A worker's program ended, did not get ready in time, or answered with an error.",
    remedy: "`orch logs WORKER` has what it wrote.",
  },
  "worker/no-sleep": {
    cause: "Workers of this runtime cannot give their GPU memory back without being stopped.",
    remedy: "docs/switching.md says what each protocol needs for it.",
  },
  "worker/no-memory": {
    cause: "A sleeping worker could not get its GPU memory back in time: somebody else holds it.",
    remedy: "`orch gpus --processes` shows who; its jobs run again in a new worker.",
  },
  "gpu/unknown": {
    cause: "No GPU has this index or UUID.",
    remedy: "`orch gpus` lists them.",
  },
  "gpu/state": {
    cause: "The GPU is in a state in which this cannot be done.",
    remedy: "`orch gpus` says whether it is in use, in quarantine or lost.",
  },
  "gpu/too-many": {
    cause: "More GPUs are demanded than the host has, so the job would wait for ever.",
    remedy: "Ask for fewer: `--gpus`, or `gpu.count` in runtime.yaml. `orch gpus` counts them.",
  },
  "gpu/too-large": {
    cause: "More memory is demanded on each GPU than any has.",
    remedy: "Ask for less: `--vram`, or `gpu.vram` in runtime.yaml; or spread it over several GPUs.",
  },
  "gpu/unavailable": {
    cause: "There is no GPU that may be used: the driver does not answer, or all are out of service.",
    remedy: "`orch gpus` says why; `orch gpus clear GPU` tries one again.",
  },
  "host/too-large": {
    cause: "More cores or memory of the host are demanded than it has.",
    remedy: "Ask for less with `--cpus` and `--ram`.",
  },
  "quota/refused": {
    cause: "A limit of your user or group forbids it.",
    remedy: "`orch quotas` shows limits and use; the administrator sets them in config.yaml.",
  },
  "idempotency/conflict": {
    cause: "The same idempotency key came with another request before.",
    remedy: "Use a key of its own for each request; one counts for seven days.",
  },
  "array/unknown": {
    cause: "There is no array of this number.",
    remedy: "`orch ls -a` shows the arrays of jobs in the column ARRAY.",
  },
  "dependency/unknown": {
    cause: "A job to be waited for does not exist: jobs wait for earlier ones alone, never for each other.",
    remedy: "Check the ids behind `--after`: `orch ls -a`.",
  },
  "dependency/failed": {
    cause: "A job that is waited for ended otherwise than demanded, so this one can never start.",
    remedy: "`orch retry` the other one, and submit this one anew; `--after-any` does not mind how it ends.",
  },
  "schedule/unknown": {
    cause: "No schedule has this name or number.",
    remedy: "`orch schedule ls`.",
  },
  "schedule/exists": {
    cause: "Another schedule has this name already.",
    remedy: "Choose another `--name`, or `orch schedule rm` the old one.",
  },
  "task/unknown": {
    cause: "No task has this id, or it is another user's.",
    remedy: "`orch get` lists the tasks.",
  },
  "task/invalid": {
    cause: "A task document is not YAML, lacks a field, or asks for what nothing here serves.",
    remedy: "The error names the field; `docs/tasks.md` has them all.",
  },
  "reservation/unknown": {
    cause: "No reservation has this name or number.",
    remedy: "`orch reserve ls`.",
  },
  "reservation/invalid": {
    cause: "The reservation makes no sense: it ends before it begins, or names a GPU twice.",
    remedy: "`orch reserve add --help` has examples.",
  },
  "reservation/refused": {
    cause: "The GPUs are reserved for others at that time, or jobs that run would reach into it.",
    remedy: "`orch reserve ls` and `orch plan` show what is in the way; choose another time or fewer GPUs.",
  },
  "key/refused": {
    cause: "A request to the gateway has no API key, or one that is unknown, revoked or expired.",
    remedy: "Send `authorization: Bearer KEY`; `orch keys ls` lists the keys, `orch keys add` makes one.",
  },
  "key/unknown": {
    cause: "There is no API key of this name or id.",
    remedy: "`orch keys ls`.",
  },
  "key/exists": {
    cause: "An API key of this name is there already.",
    remedy: "Choose another name, or revoke that one: `orch keys rm NAME`.",
  },
  "artifact/unknown": {
    cause: "The job has no file of this number: files are listed when a job has ended.",
    remedy: "`orch show ID` names its artifacts; the API counts them from 0 in that order.",
  },
  "gateway/off": {
    cause: "The gateway does not listen, or not for this: nobody could come to the dashboard or page.",
    remedy:
      "Set `gateway: { listen: 127.0.0.1:7707 }` in config.yaml and start the daemon anew; `orch keys ls` says what it waits for.",
  },
  "request/lost": {
    cause: "A request of the gateway was cancelled, or the daemon lost it: nothing of it is stored.",
    remedy: "Send it again.",
  },
  "request/too-many": {
    cause: "An API key asked more often than its rate allows, or an address tried too many wrong keys.",
    remedy: "Wait as long as the header `retry-after` says; `orch keys ls` shows the rates.",
  },
  "permission/denied": {
    cause: "It belongs to another user, or the daemon's socket or files do.",
    remedy: "Ask its owner, or an administrator; SECURITY.md says who may do what.",
  },
  "daemon/unreachable": {
    cause: "No daemon listens on the socket, or it stopped answering.",
    remedy: "`orch up` starts it; `orch paths` says which socket and which log.",
  },
  "daemon/running": {
    cause: "A daemon has this state folder already; two would harm each other.",
    remedy: "`orch down` stops it; another `ORCH_HOME` is another daemon.",
  },
  "daemon/stopping": {
    cause: "The daemon is on its way out and takes nothing new.",
    remedy: "`orch up` once it is gone. What it acknowledged is kept.",
  },
  "daemon/start-failed": {
    cause: "The daemon did not come up; the `why:` line and its log say more.",
    remedy: "`orch daemon` in the foreground shows what it stumbles over.",
  },
  "socket/path-too-long": {
    cause: "The kernel takes socket paths of 107 bytes at most.",
    remedy: "Set ORCH_SOCKET or ORCH_HOME to a shorter path.",
  },
  "socket/taken": {
    cause: "Where the socket should be is something else.",
    remedy: "Move it away, or set ORCH_SOCKET.",
  },
  "state/unwritable": {
    cause: "A folder of orch cannot be made or written, or was removed while the daemon ran.",
    remedy: "Check the owner and mode of the path; `orch paths` lists all.",
  },
  "store/full": {
    cause: "The disk of the database is full. Nothing that was acknowledged is lost; nothing new is taken.",
    remedy: "Make room on that disk; the daemon goes on by itself.",
  },
  "store/damaged": {
    cause: "SQLite finds the database damaged.",
    remedy: "Stop the daemon, keep a copy of the file, and restore a backup; `orch paths` says where it is.",
  },
  "store/newer": {
    cause: "A newer version of orch has written this database.",
    remedy: "Use that version, or another ORCH_HOME.",
  },
  "store/busy": {
    cause: "Another program holds the database locked.",
    remedy: "Find it (`fuser FILE`); never open the database for writing while the daemon runs.",
  },
  "store/failing": {
    cause: "The disk refused a write, but is not full. The daemon ends, since it knows nothing for sure.",
    remedy: "Look at the kernel's log for errors of the disk, then `orch up`.",
  },
  "engine/failed": {
    cause: "A program, an image or an environment could not be made or started.",
    remedy: "The `why:` line has the words of the tool; `orch logs WORKER` those of the program.",
  },
  "engine/unavailable": {
    cause: "What runs such workers is not there: Docker or Podman, Python, setpriv, CDI files for the GPU.",
    remedy: "Install or start it; docs/containers.md says what containers need.",
  },
  "engine/unprepared": {
    cause: "An image or environment that was prepared has been removed or has changed.",
    remedy: "Nothing: it is made again. `orch runtimes build RUNTIME` does it ahead.",
  },
  "service/unavailable": {
    cause: "There is no service manager that could run the daemon, or it does not answer.",
    remedy: "`orch up` runs it without one; `orch service --help` says what is needed.",
  },
  "service/failed": {
    cause: "The service manager refused what was asked of it, or the service did not come up.",
    remedy: "The `why:` line has its words; `orch logs --daemon` those of the daemon.",
  },
  "native/missing": {
    cause: "A compiled module (koffi, node-pty) cannot be loaded on this machine.",
    remedy: "Install orch anew on it: `npm install`; the `why:` line names the module.",
  },
  "wait/timeout": {
    cause: "What was waited for did not come within the time that was given.",
    remedy: "It goes on: ask again, or with a longer `--timeout`.",
  },
  interrupted: {
    cause: "You pressed Ctrl-C, or the command was told to stop.",
    remedy: "Jobs that were not cancelled go on: `orch ls`.",
  },
  bug: {
    cause: "orch itself failed in an unforeseen way, or a newer daemon sent a code unknown to this CLI.",
    remedy: "Please report it with `ORCH_DEBUG=1` and the daemon's log (`orch paths` says where).",
  },
};
