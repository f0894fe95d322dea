import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

test("a preemptible command makes way, is queued again and goes on with its resume command", async () => {
  await using host = await startHost({ gpus: "virtual:1x24GiB" });
  const script = [
    'echo "first: attempt $ORCH_ATTEMPT, preempted $ORCH_PREEMPTIONS, resume [$ORCH_RESUME]" >> story',
    "trap 'echo saved >> story; kill $!; exit 0' TERM",
    "sleep 60 & wait $!",
  ].join("; ");
  const resume =
    'echo "then: attempt $ORCH_ATTEMPT, preempted $ORCH_PREEMPTIONS, resume $ORCH_RESUME" >> story';
  const low = ["--gpus", "1", "--preemptible", "--on-resume", resume, "--", "sh", "-c", script];
  const { stdout } = await host.cli("run", "-q", "-d", ...low);
  const id = Number(stdout);
  const story = (): string => {
    try {
      return readFileSync(join(host.home, "story"), "utf8");
    } catch {
      return "";
    }
  };
  await until("the program has begun", () => story() !== "");
  const high = await host.sh("echo high >> story", { gpus: 1, options: { priority: "high" } });
  await host.until(high.id, "succeeded");
  const done = await host.until(id, "succeeded");
  expect(done.attempts).toBe(2);
  expect(story().split("\n")).toEqual([
    "first: attempt 1, preempted 0, resume []",
    "saved",
    "high",
    "then: attempt 2, preempted 1, resume 1",
    "",
  ]);
  const detail = await host.client.call("GET /jobs/:job", { job: id });
  expect(detail.history.map(({ outcome }) => outcome)).toEqual(["preempted", "succeeded"]);
  expect(detail).toMatchObject({ preemptible: true, preemptions: 1, retries: 0 });
  const shown = (await host.cli("show", String(id))).stdout;
  expect(shown).toMatch(/^preemptible +yes, preempted 1 times so far$/m);
  expect(shown).toContain("made way for a job of higher priority");
});

test("a command that does not heed SIGTERM is killed after its grace, and starts over", async () => {
  await using host = await startHost({ gpus: "virtual:1x24GiB" });
  const script =
    'trap "" TERM; echo "$ORCH_ATTEMPT" >> starts; test "$ORCH_ATTEMPT" = 2 || while :; do sleep 0.1; done';
  const low = await host.sh(script, { gpus: 1, options: { preemptible: true } });
  await until("the program has begun", () => {
    try {
      return readFileSync(join(host.home, "starts"), "utf8") === "1\n";
    } catch {
      return false;
    }
  });
  await host.sh("true", { gpus: 1, options: { priority: 1 } });
  await host.until(low.id, "succeeded");
  expect(readFileSync(join(host.home, "starts"), "utf8")).toBe("1\n2\n");
}, 30_000);

test("a resume command is for preemptible jobs", async () => {
  await using host = await startHost();
  const { code, stderr } = await host.cli("run", "--on-resume", "true", "--", "true");
  expect([code, stderr]).toEqual([2, expect.stringContaining("add --preemptible")]);
});
