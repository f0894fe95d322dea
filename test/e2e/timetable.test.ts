import { expect, test } from "vitest";
import { startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

test("schedules and reservations outlive a daemon that is killed, and no fire happens twice", async () => {
  await using host = await startHost({ gpus: "virtual:2x24GiB" });
  await host.client.call("POST /schedules", {
    line: "* * * * * *",
    name: "ticker",
    scheduled: { verb: "run", submission: { command: ["true"], cwd: host.home } },
  });
  await host.client.call("POST /reservations", {
    gpus: 1,
    start: Date.now() + 3_600_000,
    end: Date.now() + 7_200_000,
    users: ["somebody"],
    name: "later",
  });
  const firedOf = async (): Promise<number[]> => {
    const { jobs } = await host.client.call("GET /jobs", { limit: 1000 });
    return jobs.map(({ submittedAt }) => Math.floor(Date.parse(submittedAt) / 1000));
  };
  for (let life = 1; life <= 3; life++) {
    const before = (await firedOf()).length;
    await until("one more fire", async () => (await firedOf()).length > before);
    await host.kill();
    await host.start();
  }
  const seconds = await firedOf();
  expect(new Set(seconds).size, "at most one job for each second").toBe(seconds.length);
  const { reservations } = await host.client.call("GET /reservations", {});
  expect(reservations).toMatchObject([{ name: "later", state: "planned", users: ["somebody"] }]);
});

test("a reservation keeps others off its GPU and lets them on when it is over", async () => {
  await using host = await startHost({ gpus: "virtual:1x24GiB" });
  await host.client.call("POST /reservations", {
    start: null,
    end: Date.now() + 3_600_000,
    users: ["somebody"],
    name: "demo",
  });
  const job = await host.sh("true", { gpus: 1 });
  expect(job.reason).toMatchObject({ code: "gpu-reserved" });
  expect(job.reason?.text).toContain("GPU 0 is reserved for user somebody (reservation demo) until");
  const { stdout } = await host.cli("reserve", "ls");
  expect(stdout).toMatch(/demo +active +0 +now|demo +active +0 +\d+ s ago/);
  await host.cli("reserve", "rm", "demo");
  await host.until(job.id, "succeeded");
});

test("a reservation that ends lets the waiting job on by itself", async () => {
  await using host = await startHost({ gpus: "virtual:1x24GiB" });
  await host.client.call("POST /reservations", { end: Date.now() + 1_500, users: ["somebody"] });
  const job = await host.sh("true", { gpus: 1 });
  expect(job.state).toBe("queued");
  await host.until(job.id, "succeeded");
});
