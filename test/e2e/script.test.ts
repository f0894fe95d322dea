import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { until } from "../kit/until.ts";
import { untilOver, untilState, useOrch } from "./session.ts";

const orch = useOrch();

describe("a script with #SBATCH lines", () => {
  it("runs as one of an array, with the variables of Slurm and files of its own", async () => {
    await using home = orch();
    await home.daemon();
    home.write("logs/.keep", "");
    home.write(
      "array.sh",
      [
        "#!/bin/sh",
        "#SBATCH --array=3,5%1 --job-name=eval --gres=gpu:1 -p gpu",
        "#SBATCH --output=logs/%x-%A_%a.out --error=logs/%x-%A_%a.err",
        "echo task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_JOB_ID job $SLURM_JOB_ID on $SLURM_GPUS_ON_NODE in $SLURM_SUBMIT_DIR",
        "env | grep -c ^ORCH_RUN_ >&2",
        "exit $SLURM_ARRAY_TASK_ID",
        "#SBATCH --array=0-99",
      ].join("\n"),
      0o755,
    );
    const submitted = await home.orch(["run", "-q", "array.sh"]);
    expect(submitted.code).toBe(0);
    const ids = submitted.stdout.trim().split(/\s+/).map(Number);
    const jobs = await Promise.all(ids.map((id) => untilOver(home, id)));
    expect(jobs.map(({ exitCode, label }) => ({ exitCode, label }))).toEqual([
      { exitCode: 3, label: "eval" },
      { exitCode: 5, label: "eval" },
    ]);
    const [array = 0] = jobs.map((job) => job.array?.id ?? 0);
    for (const [at, index] of [3, 5].entries()) {
      const text = `task ${index} of ${array} job ${ids[at]} on 1 in ${home.dir}\n`;
      expect(readFileSync(join(home.dir, `logs/eval-${array}_${index}.out`), "utf8")).toBe(text);
      expect(readFileSync(join(home.dir, `logs/eval-${array}_${index}.err`), "utf8")).toBe("0\n");
      expect((await home.orch(["logs", String(ids[at])])).stdout).toContain(text);
    }
  });

  it("keeps its copy complete over a kill of the daemon, and gets its signal before its time is over", async () => {
    await using home = orch();
    const daemon = await home.daemon();
    const script = [
      "#!/bin/sh",
      "#SBATCH -o out.txt --signal=USR1@56 -t 1",
      "trap 'echo saved; exit 9' USR1",
      "echo up",
      "while :; do sleep 0.1; done",
    ];
    home.write("signal.sh", script.join("\n"));
    const id = Number((await home.orch(["run", "-q", "-d", "signal.sh"])).stdout);
    await untilState(home, id, "running");
    await until("it is up", () => existsSync(join(home.dir, "out.txt")) && readOut() !== "");
    await daemon.kill();
    await home.daemon();
    const job = await untilOver(home, id);
    expect(job).toMatchObject({ state: "failed", exitCode: 9 });
    expect(readOut()).toBe("up\nsaved\n");

    function readOut(): string {
      return readFileSync(join(home.dir, "out.txt"), "utf8");
    }
  });
});
