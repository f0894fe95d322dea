import { arrayStatus } from "./array-status.ts";
import { artifact, artifacts } from "./artifacts.ts";
import { attach } from "./attach.ts";
import { cancel } from "./cancel.ts";
import { cancelArray, holdArray, releaseArray } from "./change-array.ts";
import { dryRun } from "./dry-run.ts";
import { dryRunCommand } from "./dry-run-command.ts";
import { events } from "./events.ts";
import { exec } from "./exec.ts";
import { follow } from "./follow.ts";
import { gpuClear } from "./gpu-clear.ts";
import { gpuHistory } from "./gpu-history.ts";
import { gpus } from "./gpus.ts";
import { hello } from "./hello.ts";
import { history, historyTrace } from "./history.ts";
import { hold } from "./hold.ts";
import { keyAdd, keyRemove, keys } from "./keys.ts";
import { login } from "./login.ts";
import { logs, manyLogs } from "./logs.ts";
import { ls } from "./ls.ts";
import { metrics } from "./metrics.ts";
import { openapiOf } from "./openapi.ts";
import { plan } from "./plan.ts";
import { prune } from "./prune.ts";
import { quotas } from "./quotas.ts";
import { release } from "./release.ts";
import { reservations, reserve, reserveRemove } from "./reserve.ts";
import { residency } from "./residency.ts";
import { retry } from "./retry.ts";
import { retryFailed } from "./retry-failed.ts";
import { run } from "./run.ts";
import { runtime } from "./runtime.ts";
import { runtimeBuild } from "./runtime-build.ts";
import { runtimeForget } from "./runtime-forget.ts";
import { runtimeReset } from "./runtime-reset.ts";
import { runtimeValidate } from "./runtime-validate.ts";
import { runtimes } from "./runtimes.ts";
import { schedule, schedulePause, scheduleRemove, scheduleRunNow } from "./schedule.ts";
import { scheduleAdd, scheduleNext } from "./schedule-add.ts";
import { schedules } from "./schedules.ts";
import { show } from "./show.ts";
import { shutdown } from "./shutdown.ts";
import { stats } from "./stats.ts";
import { status } from "./status.ts";
import { submit } from "./submit.ts";
import { runArray, submitArray } from "./submit-array.ts";
import { submitBatch } from "./submit-batch.ts";
import { task, taskPrune, taskSubmit, tasks } from "./tasks.ts";
import { uiLogin, uis } from "./ui.ts";
import { update } from "./update.ts";
import { upload } from "./upload.ts";
import { webhookSecret } from "./webhook-secret.ts";
import { webhook, webhookRetry, webhookRetryFailed, webhooks } from "./webhooks.ts";
import { why } from "./why.ts";
import { workerPin } from "./worker-pin.ts";
import { workerPreload } from "./worker-preload.ts";
import { workerSleep } from "./worker-sleep.ts";
import { workerStart } from "./worker-start.ts";
import { workerStop } from "./worker-stop.ts";
import { workerSwitch } from "./worker-switch.ts";
import { workerWake } from "./worker-wake.ts";
import { workers } from "./workers.ts";

const listed = [
  submit,
  submitBatch,
  submitArray,
  runArray,
  dryRun,
  dryRunCommand,
  run,
  ls,
  show,
  cancel,
  retry,
  retryFailed,
  prune,
  stats,
  hold,
  release,
  update,
  cancelArray,
  holdArray,
  releaseArray,
  arrayStatus,
  quotas,
  why,
  plan,
  logs,
  manyLogs,
  attach,
  follow,
  workers,
  workerStart,
  workerStop,
  workerSwitch,
  workerPreload,
  workerPin,
  workerSleep,
  workerWake,
  exec,
  gpus,
  gpuHistory,
  residency,
  artifacts,
  artifact,
  upload,
  gpuClear,
  runtimes,
  runtime,
  runtimeValidate,
  runtimeBuild,
  runtimeForget,
  runtimeReset,
  status,
  metrics,
  events,
  history,
  historyTrace,
  scheduleAdd,
  scheduleNext,
  schedules,
  schedule,
  schedulePause,
  scheduleRemove,
  scheduleRunNow,
  taskSubmit,
  tasks,
  taskPrune,
  task,
  reserve,
  reservations,
  reserveRemove,
  keyAdd,
  keys,
  keyRemove,
  login,
  uis,
  uiLogin,
  webhooks,
  webhook,
  webhookRetry,
  webhookRetryFailed,
  webhookSecret,
  shutdown,
  hello,
] as const;

/** The feature list: every verb of the API. */
export const operations = [...listed, openapiOf(listed as never)] as const;
