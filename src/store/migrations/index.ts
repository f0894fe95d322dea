import { initial } from "./0001-initial.ts";
import { brain } from "./0002-brain.ts";
import { submissionKeys } from "./0003-submission-keys.ts";
import { timetable } from "./0004-timetable.ts";
import { quarantine } from "./0005-quarantine.ts";
import { terminals } from "./0006-terminals.ts";
import { correlation } from "./0007-correlation.ts";
import { sleep } from "./0008-sleep.ts";
import { gpuKinds } from "./0009-gpu-kinds.ts";
import { labels } from "./0010-labels.ts";
import { past } from "./0011-past.ts";
import { gpuHistory } from "./0012-gpu-history.ts";
import { apiKeys } from "./0013-api-keys.ts";
import { tasks } from "./0014-tasks.ts";
import { webhooks } from "./0015-webhooks.ts";
import { routed } from "./0016-routed.ts";
import { webhooksOfMany } from "./0017-webhooks-of-many.ts";

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** All migrations in order; the n-th one brings a database from version n - 1 to n. They only go forward. */
export const migrations: readonly Migration[] = [
  { name: "0001-initial", sql: initial },
  { name: "0002-brain", sql: brain },
  { name: "0003-submission-keys", sql: submissionKeys },
  { name: "0004-timetable", sql: timetable },
  { name: "0005-quarantine", sql: quarantine },
  { name: "0006-terminals", sql: terminals },
  { name: "0007-correlation", sql: correlation },
  { name: "0008-sleep", sql: sleep },
  { name: "0009-gpu-kinds", sql: gpuKinds },
  { name: "0010-labels", sql: labels },
  { name: "0011-past", sql: past },
  { name: "0012-gpu-history", sql: gpuHistory },
  { name: "0013-api-keys", sql: apiKeys },
  { name: "0014-tasks", sql: tasks },
  { name: "0015-webhooks", sql: webhooks },
  { name: "0016-routed", sql: routed },
  { name: "0017-webhooks-of-many", sql: webhooksOfMany },
];
