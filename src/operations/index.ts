import { cancel } from "./cancel.ts";
import { dryRun } from "./dry-run.ts";
import { events } from "./events.ts";
import { follow } from "./follow.ts";
import { gpus } from "./gpus.ts";
import { hello } from "./hello.ts";
import { hold } from "./hold.ts";
import { logs } from "./logs.ts";
import { ls } from "./ls.ts";
import { openapiOf } from "./openapi.ts";
import { release } from "./release.ts";
import { retry } from "./retry.ts";
import { run } from "./run.ts";
import { runtime } from "./runtime.ts";
import { runtimeValidate } from "./runtime-validate.ts";
import { runtimes } from "./runtimes.ts";
import { show } from "./show.ts";
import { shutdown } from "./shutdown.ts";
import { status } from "./status.ts";
import { submit } from "./submit.ts";
import { submitBatch } from "./submit-batch.ts";
import { why } from "./why.ts";
import { workerPin } from "./worker-pin.ts";
import { workerStart } from "./worker-start.ts";
import { workerStop } from "./worker-stop.ts";
import { workerSwitch } from "./worker-switch.ts";
import { workers } from "./workers.ts";

const listed = [
  submit,
  submitBatch,
  dryRun,
  run,
  ls,
  show,
  cancel,
  retry,
  hold,
  release,
  why,
  logs,
  follow,
  workers,
  workerStart,
  workerStop,
  workerSwitch,
  workerPin,
  gpus,
  runtimes,
  runtime,
  runtimeValidate,
  status,
  events,
  shutdown,
  hello,
] as const;

/** The feature list: every verb of the API. */
export const operations = [...listed, openapiOf(listed as never)] as const;
