import type { Mutation } from "../kit/built-orch.ts";
import type { Mix } from "./load.ts";

/** A bug put in on purpose, and the invariant by which the checker has to find it. */
export interface Mutant {
  readonly name: string;
  readonly mutations: readonly Mutation[];
  /** What the first violation has to say. */
  readonly found: RegExp;
  /** It shows only while resident workers run and take turns. */
  readonly needsResidents?: boolean;
  /** Of containers: what brings it to light, and what is said then, where that is not the same. */
  readonly inContainers?: { readonly mix?: Mix; readonly found?: RegExp };
}

const forgotten = /^I1: job \d+ (was acknowledged|ran|.* is not on record)/;

/** The bugs that kill -9 is most likely to bring to light, and one at least for each invariant. */
export const mutants: readonly Mutant[] = [
  {
    name: "acknowledges before the commit: transactions are gathered for 40 ms",
    found: forgotten,
    mutations: [
      {
        file: "src/store/transaction.ts",
        find: "translate(db.name, () => begin.run());",
        replace: `if (!db.inTransaction) {
            db.exec("BEGIN IMMEDIATE");
            setTimeout(() => db.exec("COMMIT"), 40);
          }`,
      },
      {
        file: "src/store/transaction.ts",
        find: "        commit.run();",
        replace: "        commit;begin;",
      },
      {
        file: "src/daemon/main.ts",
        find: "const reader = openReader(paths.database);",
        replace: "const reader = db; openReader;",
      },
    ],
  },
  {
    name: "starts the programs of running workers a second time after a restart",
    found: /^I1: two programs of job \d+ run at once|^I1: job \d+ ran \d+ times|^I[23]: /,
    inContainers: { mix: "one-container" },
    mutations: [
      {
        file: "src/daemon/workers/start-worker.ts",
        find: "if (!hand.inherited) await startProgram",
        replace: "if (hand !== null) await startProgram",
      },
      // More guards stand behind the look at what is left, one of them of containers alone: all are taken away.
      {
        file: "src/engine/control-folder.ts",
        find: 'if (made !== undefined || !existsSync(join(launch.dir, "pid"))) return;',
        replace: "if (made !== undefined || existsSync(launch.dir)) return;",
      },
      { file: "src/engine/supervise.ts", find: "set -C\n", replace: "" },
      {
        file: "src/runtime/container-command.ts",
        find: '"--name", host.name, "--cidfile", host.idFile,',
        replace: '"--cidfile", host.idFile + performance.now(),',
      },
    ],
  },
  {
    name: "hands running jobs to their workers as new attempts after a restart",
    needsResidents: true,
    found: /^I[01]: /,
    inContainers: { mix: "one-container" },
    mutations: [
      {
        file: "src/scheduler/restore.ts",
        find: 'effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts });',
        replace:
          'effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts + 1 });',
      },
    ],
  },
  {
    name: "forgets the newest fence at a restart",
    found: /^I0: .*UNIQUE|^I0: the daemon ended by itself/,
    mutations: [
      {
        file: "src/scheduler/restore.ts",
        find: "state.lastFence = rows.lastFence;",
        replace: "state.lastFence = 0;",
      },
    ],
  },
  {
    name: "tells every program the same fence",
    found: /^I3: programs on/,
    mutations: [
      {
        file: "src/daemon/jobs/prepare-launch.ts",
        find: "ORCH_FENCE: String(worker.fence),",
        replace: 'ORCH_FENCE: "1",',
      },
      {
        file: "src/daemon/jobs/prepare-launch.ts",
        find: "    fence: worker.fence,\n    workerId",
        replace: "    fence: 1,\n    workerId",
      },
    ],
  },
  {
    name: "ignores the exit records of programs that ended while no daemon ran",
    found: /^I1: job \d+ .*(is failed|should have ended with)/,
    inContainers: { mix: "one-shot-containers" },
    mutations: [
      {
        file: "src/engine/process.ts",
        find: "const exit = readExitRecord(dir) ?? recordLost(dir, SUPERVISOR_LOST);",
        replace: "const exit = recordLost(dir, SUPERVISOR_LOST);",
      },
      {
        file: "src/engine/process.ts",
        find: "import { readExitRecord, recordLost, withMemoryLimit }",
        replace: "import { recordLost, withMemoryLimit }",
      },
    ],
  },
  {
    name: "gives the leases of a worker back when it is told to stop",
    needsResidents: true,
    found: /^I2: /,
    // A process is on the GPU before the container is gone.
    inContainers: { mix: "container-and-process" },
    mutations: [
      {
        file: "src/daemon/workers/stop-worker.ts",
        find: "  hand.abort.abort();",
        replace: `  const exit = { exitCode: 0, detail: null };
  world.report({ type: "worker-exited", workerId, exit, result: null });
  hand.abort.abort();`,
      },
    ],
  },
  {
    name: "touches finished jobs at every start",
    found: /^I5: finished job \d+ changed/,
    mutations: [
      {
        file: "src/daemon/main.ts",
        find: "const db = openDatabase(paths.database);",
        replace: `const db = openDatabase(paths.database);
  db.exec("UPDATE jobs SET reason_text = hex(randomblob(4)) WHERE state = 'succeeded'");`,
      },
    ],
  },
  {
    name: "does not wait for its workers when it is told to kill them",
    found: /^I4: processes .* are left behind/,
    inContainers: {},
    mutations: [
      {
        file: "src/daemon/end.ts",
        find: "if (!waitsFor) setTimeout",
        replace: "if (!waitsFor || mode === 'kill') setTimeout",
      },
    ],
  },
];
