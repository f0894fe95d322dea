import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { addResidents } from "../e2e/runtimes.ts";
import { runDetached, submit, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
need("libfaketime", library !== undefined);

describe.skipIf(library === undefined)("a clock that jumps (needs libfaketime)", () => {
  it("a day ahead and two back ends nothing early and nothing late [fault 20]", async () => {
    await using home = createHome();
    addResidents(home);
    const offset = home.write("clock", "+0");
    const env = {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    };
    const daemon = home.spawn(["daemon"], { env });
    await until("it is ready", () => daemon.stderr().includes("orch is ready"), 20_000);
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
      const { workers } = await home.client.call("GET /workers", {});
      expect(workers.filter(({ runtime }) => runtime === "left")).toMatchObject([{ state: "ready" }]);
      expect((await untilState(home, limited, "running")).attempts).toBe(1);
      for (const job of [later, expiring]) expect((await untilState(home, job, "held")).attempts).toBe(0);
    }
  });
});
