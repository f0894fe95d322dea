import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

const HOUR = 3_600_000;

describe("a reservation", () => {
  test("is for the caller unless it says for whom, and can be used by them alone", async () => {
    const { stdout: me } = await host.cli(
      "reserve",
      "add",
      "--gpu",
      "0",
      "--for",
      "1h",
      "--name",
      "mine",
      "--json",
    );
    const mine = JSON.parse(me) as { owner: string };
    expect(mine).toMatchObject({ state: "active", users: [mine.owner], groups: [], gpus: [{ index: 0 }] });
    const job = await host.sh('echo "$CUDA_VISIBLE_DEVICES"', { gpus: 1 });
    await host.until(job.id, "succeeded");
    expect((await host.cli("logs", String(job.id))).stdout, "its own GPU comes first").toBe(
      "GPU-virtual-0\n",
    );
    expect((await host.cli("reserve", "rm", "mine")).stdout).toContain("is given up");
  });

  test("counts members of a group that nobody gave a quota", async () => {
    const { execFileSync } = await import("node:child_process");
    const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
    const end = Date.now() + HOUR;
    await host.client.call("POST /reservations", { gpus: 2, end, groups: [group], name: "class" });
    const job = await host.sh("true", { gpus: 2 });
    await host.until(job.id, "succeeded");
    await host.client.call("POST /reservations/:reservation/remove", { reservation: "class" });
  });

  test("is refused when it is over, takes no time, or wants GPUs that are not there or taken", async () => {
    const add = (asked: object) =>
      host.client.call("POST /reservations", { end: Date.now() + HOUR, users: ["somebody"], ...asked });
    await refusal("reservation/invalid", add({ start: Date.now() - 2 * HOUR, end: Date.now() - HOUR }));
    await refusal("reservation/invalid", add({ start: Date.now() + HOUR, end: Date.now() + HOUR }));
    await refusal("gpu/too-many", add({ gpus: 3 }));
    await refusal("gpu/unknown", add({ gpu: ["7"] }));
    await refusal("request/malformed", add({ gpus: 0 }));
    await add({ gpus: 2, start: Date.now() + 2 * HOUR, end: Date.now() + 3 * HOUR, name: "both" });
    const taken = await refusal(
      "reservation/refused",
      add({ start: Date.now() + 2.5 * HOUR, end: Date.now() + 4 * HOUR }),
    );
    expect(taken.message).toContain("both");
    await refusal(
      "reservation/unknown",
      host.client.call("POST /reservations/:reservation/remove", { reservation: "nope" }),
    );
    await host.cli("reserve", "rm", "both");
  });
});

describe("the command line", () => {
  test("reserves for others at a time in words, and lists what is reserved", async () => {
    const words = [
      "--gpus",
      "1",
      "--start",
      "tomorrow 09:00",
      "--for",
      "2h",
      "--user",
      "ann,bob",
      "--name",
      "demo",
    ];
    const made = await host.cli("reserve", "add", ...words);
    expect(made.stdout).toMatch(
      /^reservation demo \(\d+\): GPU 0 is for ann, bob; it begins .+, and ends .+\n$/,
    );
    const short = await host.cli(
      "reserve",
      "--gpus",
      "1",
      "--start",
      "+1h",
      "--until",
      "+2h",
      "--group",
      "students",
    );
    expect(short.stdout).toContain("is for group students; it begins");
    const { stdout } = await host.cli("reserve");
    expect(stdout.split("\n")[0]).toMatch(/^ID +NAME +STATE +GPUS +FROM +UNTIL +FOR +BY$/);
    expect(stdout).toContain("group students");
    const { stdout: ids } = await host.cli("reserve", "-q");
    for (const id of ids.trim().split("\n")) expect((await host.cli("reserve", "rm", id)).code).toBe(0);
    expect((await host.cli("reserve")).stderr).toContain("no reservations");
  });

  test.each([
    { words: ["--gpus", "1"], says: "how long is not said" },
    { words: ["--for", "1h", "--until", "+2h"], says: "the same thing twice" },
    { words: ["--for", "0s"], says: "would end before it begins" },
    { words: ["--start", "soon", "--for", "1h"], says: "--start" },
    { words: ["--gpus", "0", "--for", "1h"], says: "--gpus" },
  ])("refuses $words", async ({ words, says }) => {
    const { code, stderr } = await host.cli("reserve", "add", ...words);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(stderr).toContain("try:");
  });
});
