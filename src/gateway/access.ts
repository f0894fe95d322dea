import type { operations } from "../operations/index.ts";
import type { Caller } from "../protocol/operation.ts";
import type { ApiScope } from "../std/api-key.ts";
import { Failure } from "../std/failure.ts";

type Route = (typeof operations)[number]["route"];

/**
 * The scope that an operation needs; `any` = a key, whichever; `schedule` = `submit` or `run`, and the operation itself looks at
 * what is submitted; `never` = it is served on the socket alone.
 */
export type Access = ApiScope | "any" | "schedule" | "never";

/** What the surfaces of other programs' clients need; where they reach operations, those of the table. */
export const surfaceAccess = {
  /** To have a worker answer: what `POST /jobs` needs. */
  infer: "submit",
  /** The models a key may name: said to whoever may name them. */
  list: "any",
  /** Whatever a worker's own server can be told to do, which is more than a job can. */
  upstream: "admin",
} as const satisfies Readonly<Record<string, Access>>;

/**
 * Who reaches which operation through the gateway. What is not here is not served: a test says so of a new operation.
 * `run` is what makes commands run: it is as good as a shell, so no other scope stands for it.
 */
const table: Readonly<Partial<Record<Route, Access>>> = {
  "GET /hello": "read",
  "GET /openapi.json": "read",
  "GET /status": "read",
  "GET /metrics": "read",
  "GET /gpus": "read",
  "GET /gpus/history": "read",
  "GET /residency": "read",
  "GET /workers": "read",
  "GET /runtimes": "read",
  "GET /runtimes/:runtime": "read",
  "GET /jobs": "read",
  "GET /jobs/:job": "read",
  "GET /jobs/:job/logs": "read",
  "GET /jobs/:job/why": "read",
  "GET /jobs/:job/artifacts": "read",
  "GET /jobs/:job/artifacts/:index": "read",
  "GET /arrays/:array": "read",
  "GET /follow": "read",
  "GET /events": "read",
  "GET /plan": "read",
  "GET /quotas": "read",
  "GET /stats": "read",
  "GET /history": "read",
  "GET /schedules": "read",
  "GET /schedules/:schedule": "read",
  "GET /cron-fires": "read",
  "GET /reservations": "read",
  "GET /tasks": "read",
  "GET /tasks/:task": "read",
  "GET /webhooks": "read",
  "GET /uis": "read",
  "GET /webhooks/:webhook": "read",

  "POST /uploads": "submit",
  "POST /jobs": "submit",
  // Who has it can write what seems to come from here.
  "GET /webhooks/default/secret": "submit",
  "POST /jobs/batch": "submit",
  "POST /jobs/array": "submit",
  "POST /jobs/dry-run": "submit",
  "POST /jobs/:job/cancel": "submit",
  "POST /jobs/:job/hold": "submit",
  "POST /jobs/:job/release": "submit",
  "POST /jobs/:job/retry": "submit",
  "POST /jobs/:job/update": "submit",
  "POST /arrays/:array/cancel": "submit",
  "POST /arrays/:array/hold": "submit",
  "POST /arrays/:array/release": "submit",
  "POST /tasks": "submit",
  "POST /webhooks/:webhook/retry": "submit",
  "POST /webhooks/retry-failed": "submit",

  "POST /jobs/run": "run",
  "POST /jobs/run-array": "run",
  "POST /jobs/run/dry-run": "run",
  // What a schedule submits may be a command, and it goes on when the key has been revoked: operations/key-limits.ts.
  "POST /schedules": "schedule",
  "POST /schedules/:schedule/pause": "schedule",
  "POST /schedules/:schedule/remove": "schedule",
  "POST /schedules/:schedule/run-now": "schedule",

  // Of workers and the daemon, too.
  "GET /logs": "admin",
  "GET /history/trace": "admin",
  "POST /jobs/prune": "admin",
  "POST /tasks/prune": "admin",
  "POST /gpus/:gpu/clear": "admin",
  "POST /workers/start": "admin",
  "POST /workers/switch": "admin",
  "POST /workers/preload": "admin",
  "POST /workers/:worker/stop": "admin",
  "POST /workers/:worker/pin": "admin",
  "POST /workers/:worker/sleep": "admin",
  "POST /workers/:worker/wake": "admin",
  "POST /runtimes/:runtime/build": "admin",
  "POST /runtimes/:runtime/forget": "admin",
  "POST /runtimes/:runtime/reset": "admin",
  "POST /reservations": "admin",
  "POST /reservations/:reservation/remove": "admin",
  // What comes of it may do what `/upstream` does.
  "POST /uis/:ui/login": "admin",
  "POST /shutdown": "admin",

  // A terminal, a program beside a worker, paths of the host, keys; and commands once more, whoever submitted them.
  "GET /jobs/:job/terminal": "never",
  "POST /workers/:worker/exec": "never",
  "POST /runtimes/validate": "never",
  "POST /jobs/retry-failed": "never",
  "POST /logins": "never",
  "POST /keys": "never",
  "GET /keys": "never",
  "POST /keys/:key/remove": "never",
};

/** What an operation needs: `never` for one that nobody has thought about. */
export function accessTo(route: string): Access {
  return Object.hasOwn(table, route) ? (table[route as Route] ?? "never") : "never";
}

/** Whether somebody has thought about an operation. */
export function isKnownRoute(route: string): boolean {
  return Object.hasOwn(table, route);
}

/** What asks for one runtime by itself. */
const LOGIN_TO_UI = "POST /uis/:ui/login";

/** What manages the host reaches all of it: a key for some runtimes does not. @throws Failure permission/denied */
export function refuseManaging(access: Access, route: string, key: Caller["key"]): void {
  if (access !== "admin" || route === LOGIN_TO_UI) return;
  if (key === undefined || key.runtimes === null) return;
  throw new Failure("permission/denied", `${route} is not for keys of some runtimes alone`, {
    why: `key ${key.id} is for ${key.runtimes.join(", ")}, and this reaches all of the host`,
    hint: "orch keys add --scope admin, without --runtime",
  });
}

/** @throws Failure permission/denied */
export function refuseUnlessInScope(access: Access, route: string, scopes: readonly ApiScope[]): void {
  if (access === "never")
    throw new Failure("permission/denied", `${route} is not served through the gateway`, {
      why: "it is for the Unix socket alone",
      hint: "use the orch command on the host",
    });
  const needed = access === "schedule" ? "submit" : access;
  if (needed === "any" || scopes.includes(needed) || (needed !== "run" && scopes.includes("admin"))) return;
  if (access === "schedule" && scopes.includes("run")) return;
  throw new Failure("permission/denied", `${route} needs a key of the scope ${needed}`, {
    why: `this one has ${scopes.join(", ")}`,
    hint: `orch keys add --scope ${needed}`,
  });
}
