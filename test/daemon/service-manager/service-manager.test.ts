import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageWithout } from "../../doctor/host-kit.ts";
import { useOrch } from "../../e2e/session.ts";
import { startChild } from "../../kit/child.ts";
import { need } from "../../kit/need.ts";
import { type Heard, receiveNotices } from "../../kit/notify-receiver.ts";
import { createOrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";

const home = useOrch();
const hasNotify = need("systemd-notify", spawnSync("systemd-notify", ["--version"]).status === 0);
const said = (heard: readonly Heard[], text: string): Heard | undefined =>
  heard.find((each) => each.text.includes(text));
const beats = (heard: readonly Heard[]): Heard[] => heard.filter(({ text }) => text.includes("WATCHDOG=1"));

test("the daemon itself says when it serves, how it is, that it lives, and that it stops", async () => {
  await using receiver = await receiveNotices();
  await using orch = home({ NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: "400000" });
  const daemon = await orch.daemon();
  const ready = await until("READY=1", () => said(receiver.heard, "READY=1"));
  expect(ready.pid).toBe(daemon.pid);
  expect(ready.text).toMatch(/^STATUS=0 running, 0 queued; GPUs that exist on paper only/m);
  await until("three signs of life", () => beats(receiver.heard).length >= 3 || null);
  daemon.signal("SIGTERM");
  expect(await daemon.ended).toBe(0);
  const stopping = await until("STOPPING=1", () => said(receiver.heard, "STOPPING=1"));
  expect(stopping.atMs).toBeGreaterThanOrEqual(ready.atMs);
});

test("a daemon that is stopped dead gives no sign of life", async () => {
  await using receiver = await receiveNotices(`@orch-test-${process.pid}`);
  await using orch = home({ NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: "200000" });
  const daemon = await orch.daemon();
  await until("a sign of life, at an abstract address", () => beats(receiver.heard)[0]);
  daemon.signal("SIGSTOP");
  const count = beats(receiver.heard).length;
  await new Promise((resolve) => setTimeout(resolve, 600));
  // One may have been on its way.
  expect(beats(receiver.heard).length).toBeLessThanOrEqual(count + 1);
  daemon.signal("SIGCONT");
  await until("it goes on", () => beats(receiver.heard).length > count + 1 || null);
});

test("a loop that hangs misses the watchdog's deadline, and nothing of the manager is inherited", async () => {
  await using receiver = await receiveNotices();
  process.env["NOTIFY_SOCKET"] = receiver.address;
  process.env["WATCHDOG_USEC"] = "200000";
  try {
    using child = await startChild(new URL("watchdog-program.ts", import.meta.url).pathname);
    await until("two signs of life", () => beats(receiver.heard).length >= 2 || null);
    expect(said(receiver.heard, "STATUS=inherits 0")).toBeDefined();
    child.say("700");
    expect(await child.nextLine()).toBe("moves again");
    await until("a sign of life after the hang", () => gaps(receiver.heard).some((gap) => gap > 500) || null);
    expect(gaps(receiver.heard).filter((gap) => gap > 500)).toHaveLength(1);
  } finally {
    delete process.env["NOTIFY_SOCKET"];
    delete process.env["WATCHDOG_USEC"];
  }
});

test("a manager that watches another process gets no signs of life from this one", async () => {
  await using receiver = await receiveNotices();
  await using orch = home({ NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: "100000", WATCHDOG_PID: "1" });
  await orch.daemon();
  await until("READY=1", () => said(receiver.heard, "READY=1"));
  expect((await orch.orch(["run", "--", "sleep", "0.3"])).code).toBe(0);
  expect(beats(receiver.heard)).toEqual([]);
});

test.skipIf(!hasNotify)("without koffi the program systemd-notify says it in the daemon's name", async () => {
  await using receiver = await receiveNotices();
  await using given = home();
  const bin = packageWithout(given.bin, "koffi", join(given.dir, "package"));
  await using orch = createOrchHome(bin, {
    ...given.env,
    NOTIFY_SOCKET: receiver.address,
    WATCHDOG_USEC: "1000000",
  });
  const daemon = await orch.daemon();
  const ready = await until("READY=1", () => said(receiver.heard, "READY=1"));
  expect(ready.text).toContain("0 running, 0 queued");
  // Root may speak in another's name: what a manager that listens to the main process alone believes.
  if (process.getuid?.() === 0) expect(ready.pid).toBe(daemon.pid);
  await until("a sign of life", () => beats(receiver.heard)[0]);
});

function gaps(heard: readonly Heard[]): number[] {
  const times = beats(heard).map(({ atMs }) => atMs);
  return times.slice(1).map((at, index) => at - (times[index] ?? at));
}
