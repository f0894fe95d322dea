import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";
import { expect, test } from "vitest";
import { startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

const user = userInfo().username;
const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();

test("quotas of the caller and of the caller's groups hold, and are shown", async () => {
  const config = [
    "quotas:",
    `  "user:${user}": { running: 1, maxPriority: 50 }`,
    `  "group:${group}": { queued: 3 }`,
    `  "group:no-such-group-here": { queued: 0 }`,
    "",
  ].join("\n");
  await using host = await startHost({ config });
  const first = await host.sh("sleep 60", { gpus: 1 });
  await host.until(first.id, "running");
  const second = await host.sh("true");
  expect(second).toMatchObject({ state: "queued", reason: { code: "quota" } });
  await host.sh("true", { options: { hold: true } });
  await host.sh("true", { options: { hold: true } });
  const full = await refusal("quota/refused", host.sh("true"));
  expect(full).toMatchObject({
    message: `group:${group} has 3 jobs waiting, and its quota is 3`,
    hint: "wait for some to end, or cancel some: orch ls",
  });
  await refusal("quota/refused", host.sh("true", { options: { priority: "high" } }));
  await refusal(
    "quota/refused",
    host.client.call("POST /jobs/:job/update", { job: second.id, priority: 51 }),
  );

  const { accounts } = await host.client.call("GET /quotas", {});
  const limits = { running: null, queued: null, gpuHours: null, maxPriority: null };
  const named = new Map(accounts.map((account) => [account.account, account]));
  expect([...named.keys()][0], "users come first").toBe(`user:${user}`);
  expect(
    [`user:${user}`, `group:${group}`, "group:no-such-group-here"].map((key) => named.get(key)),
  ).toMatchObject([
    {
      account: `user:${user}`,
      waiting: 3,
      running: 1,
      gpus: 1,
      share: 1,
      limits: { ...limits, running: 1, maxPriority: 50 },
      blockedBy: "running",
    },
    {
      account: `group:${group}`,
      waiting: 3,
      running: 1,
      gpus: 1,
      limits: { ...limits, queued: 3 },
      blockedBy: null,
    },
    { account: "group:no-such-group-here", waiting: 0, running: 0, gpus: 0, share: 0 },
  ]);
  expect(accounts[0]?.gpuHours).toBeGreaterThan(0);
  const { stdout, stderr } = await host.cli("quotas");
  expect(stdout).toMatch(
    new RegExp(`^user:${user} +3 +1 of 1 +1 +0 +100% +50 +runs as many as it may$`, "m"),
  );
  expect(stderr).toBe("GPU-hours count half after 7d 0h\n");

  await host.client.call("POST /jobs/:job/cancel", { job: first.id });
  await host.until(second.id, "succeeded");
});

test("without quotas the use is shown all the same", async () => {
  await using host = await startHost();
  const { accounts } = await host.client.call("GET /quotas", {});
  expect(accounts).toMatchObject([{ account: `user:${user}`, limits: null, blockedBy: null, share: 0 }]);
});
