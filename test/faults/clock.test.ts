import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { addResidents, addRuntime } from "../e2e/runtimes.ts";
import { query, runDetached, submit, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
need("libfaketime", library !== undefined);

/** Starts a daemon whose wall clock is off by what the file `clock` in its home says; all else keeps its time. */
async function startWithClock(home: OrchHome) {
  const env = {
    LD_PRELOAD: library ?? "",
    FAKETIME_TIMESTAMP_FILE: `${home.dir}/clock`,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
  const daemon = home.spawn(["daemon"], { env });
  await until("it is ready", () => daemon.stderr().includes("orch is ready"), 20_000);
  return daemon;
}

const workersOf = async (home: OrchHome, name: string) =>
  (await home.client.call("GET /workers", {})).workers.filter(({ runtime }) => runtime === name);

describe.skipIf(library === undefined)("a clock that jumps (needs libfaketime)", () => {
  it("a day ahead and two back ends nothing early and nothing late [fault 20]", async () => {
    await using home = createHome();
    addResidents(home);
    home.write("clock", "+0");
    await startWithClock(home);
    const resident = await submit(home, "left", "--ms", "1");
    await untilOver(home, resident);
    const limited = await runDetached(home, "--time", "1h", "--", "sleep", "600");
    const later = await runDetached(home, "--begin", "+2h", "--", "true");
    const expiring = await runDetached(home, "--deadline", "+3h", "--hold", "--", "true");
    await untilState(home, limited, "running");
    for (const jump of ["+1d", "-1d"]) {
      home.write("clock", jump);
      // Something happens after the jump, so that everything that is due would be seen to.
      const short = await runDetached(home, "--time", "1s", "--", "sleep", "600");
      const ended = await untilOver(home, short);
      expect(ended, "a limit of a second is a second").toMatchObject({ state: "failed", exitCode: 124 });
      expect(await workersOf(home, "left")).toMatchObject([{ state: "ready" }]);
      expect((await untilState(home, limited, "running")).attempts).toBe(1);
      for (const job of [later, expiring]) expect((await untilState(home, job, "held")).attempts).toBe(0);
    }
  });

  it.each(["+1d", "-1d", "-400d"])(
    "%s between two daemons ends nothing early and stalls nothing [fault 20]",
    async (jump) => {
      await using home = createHome({ ORCH_GPUS: "virtual:2x1GiB" });
      addResidents(home);
      addRuntime(home, "brief", ["python3", `${home.dir}/runtimes/left/handler.py`], {
        keepAlive: "3s",
        params: "params:\n  ms: { type: integer, default: 0 }\n  tag: { type: string, default: none }\n",
      });
      home.write("clock", "+0");
      const first = await startWithClock(home);
      expect(
        await home.orch(["schedule", "add", "* * * * * *", "--name", "often", "--", "run", "--", "true"]),
      ).toMatchObject({ code: 0 });
      const long = await runDetached(home, "--time", "1h", "--", "sleep", "600");
      const later = await runDetached(home, "--begin", "+2h", "--", "true");
      for (const name of ["left", "brief"]) await untilOver(home, await submit(home, name));
      const short = await runDetached(home, "--time", "6s", "--", "sleep", "600");
      const failing = ["--retries", "1", "--retry-delay", "5s", "--", "sh", "-c", "echo x >>tries; exit 7"];
      const again = await runDetached(home, ...failing);
      await untilState(home, long, "running");
      await untilState(home, short, "running");
      await until(
        "it is to be tried again",
        async () => (await untilState(home, again, "held")).attempts === 1,
      );
      const fired = query(home, "SELECT id FROM jobs WHERE schedule_id IS NOT NULL").length;
      first.child.kill("SIGKILL");
      await first.ended;
      home.write("clock", jump);
      const startMs = performance.now();
      await startWithClock(home);
      expect(await workersOf(home, "left"), "keep-alive of minutes").toMatchObject([{ state: "ready" }]);
      expect((await untilState(home, short, "running")).attempts, "not over yet").toBe(1);
      expect(await untilOver(home, again)).toMatchObject({ state: "failed", exitCode: 7, attempts: 2 });
      expect(await untilOver(home, short)).toMatchObject({ state: "failed", exitCode: 124, attempts: 1 });
      await until("its keep-alive is over", async () => (await workersOf(home, "brief")).length === 0);
      await until(
        "the schedule goes on",
        () => query(home, "SELECT id FROM jobs WHERE schedule_id IS NOT NULL").length > fired + 1,
      );
      expect(performance.now() - startMs, "nothing waited for the old time").toBeLessThan(40_000);
      expect((await untilState(home, long, "running")).attempts).toBe(1);
      expect((await untilState(home, later, jump === "+1d" ? "succeeded" : "held")).id).toBe(later);
    },
  );
});
