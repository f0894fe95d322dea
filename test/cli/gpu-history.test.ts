import { describe, expect, it } from "vitest";
import { widthOf } from "../../src/cli/text/width.ts";
import type { OutputOf } from "../../src/client/client.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { type IoOptions, orch, type Run } from "./captured-io.ts";
import { gpuHistoryView, heldBy } from "./gpu-history-view.ts";

const utf8 = { LANG: "C.UTF-8" };

/** Runs `orch gpus --history WORDS`; what the daemon was asked is in `asked`. */
async function print(
  history: OutputOf<"GET /gpus/history">,
  words: readonly string[] = [],
  options: Omit<IoOptions, "socket"> = {},
): Promise<Run & { asked: unknown }> {
  let asked: unknown;
  await using server = await serveAnswers({
    "GET /gpus/history": (input: unknown) => {
      asked = input;
      return history;
    },
  });
  const run = await orch(["gpus", "--history", ...words], {
    ...options,
    socket: server.socket,
    env: { ...utf8, ...options.env },
  });
  return { ...run, asked };
}

const eight = [0, 14, 28, null, 57, 71, 85, 100];

describe("orch gpus --history", () => {
  it("draws load, memory and power as curves with their least, mean and most, and who held the GPU", async () => {
    const holders = [heldBy("sdxl-1", 2, 4), heldBy("charlm-2", 5.2, null)];
    const { stdout, stderr } = await print(gpuHistoryView(eight, { holders }));
    const [head, ...lines] = stdout.split("\n").map((line) => line.replace(/ {2,}/g, "  ").trim());
    expect(head).toBe("GPU  WHAT  00:02 to 00:10  MIN  MEAN  MAX  ENERGY");
    expect(lines).toEqual([
      "0  load  ▁▂▃·▅▆▇█  0%  51%  100%  -",
      "0  memory  ▁▂▃·▅▆▇█  0 B  12.2 GiB  24 GiB  -",
      "0  power  ▁▂▃·▅▆▇█  0 W  355 W  700 W  41 Wh",
      "0  held  aa·bbbbb  -  -  -  -",
      "",
      "GPU  HELD  BY  RUNTIME  MODE  FROM  TO  FOR",
      "0  a  sdxl-1  sdxl  exclusive  2026-01-02 00:02  2026-01-02 00:04  2m 00s",
      "0  b  charlm-2  sdxl  exclusive  2026-01-02 00:05  -  4m 48s",
      "",
    ]);
    expect(stderr).toBe("");
  });

  it("uses ASCII where the terminal has nothing else, and colours only where they are wanted", async () => {
    const view = gpuHistoryView(eight, { holders: [heldBy("sdxl-1", 2, 4)] });
    const { stdout } = await print(view, [], { env: { LANG: "C" } });
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    expect(stdout).toContain("_.-?=+*#");
    expect(stdout).toContain("aa......");
    const terminal = { columns: 100, env: { TERM: "xterm" } };
    expect((await print(view, [], terminal)).stdout).toContain("\x1b[");
    expect(
      (await print(view, [], { ...terminal, env: { ...terminal.env, NO_COLOR: "1" } })).stdout,
    ).not.toContain("\x1b");
    expect((await print(view, [], { ...terminal, env: { TERM: "dumb" } })).stdout).not.toContain("\x1b");
  });

  it.each([20, 40, 60, 80, 120, 250])(
    "fits a terminal of %i columns, and asks for as many points",
    async (columns) => {
      const wide = Array.from({ length: 300 }, (_, index) => index % 100);
      const asking = await print(gpuHistoryView(eight), ["--no-color"], { columns });
      const { points } = asking.asked as { points: number };
      const { stdout } = await print(
        gpuHistoryView(wide.slice(0, points), { holders: [heldBy("a-long-name-1", 2, 4)] }),
        ["--no-color"],
        { columns },
      );
      for (const line of stdout.split("\n")) expect([line, widthOf(line) <= columns]).toEqual([line, true]);
      if (columns >= 80) expect(stdout).not.toContain("…");
      if (columns >= 120) expect(stdout).toContain("ENERGY");
    },
  );

  it("asks for the time and the GPU that were typed, and prints JSON and ids", async () => {
    const view = gpuHistoryView(eight);
    const { asked } = await print(view, ["--since", "1d", "--until", "1h", "--gpu", "0", "--json"]);
    expect(asked).toMatchObject({
      since: "2026-01-01T00:10:00.000Z",
      until: "2026-01-01T23:10:00.000Z",
      gpu: "0",
    });
    expect(Object.keys(asked as object)).not.toContain("points");
    expect(JSON.parse((await print(view, ["--json"])).stdout)).toEqual(view);
    expect((await print(view, ["-q"])).stdout).toBe("GPU-0a1b2c3d-0000-0000-0000-000000000000\n");
  });

  it("says what a driver does not tell, what is not kept yet, and which holders are not listed", async () => {
    const untold = { mean: eight.map(() => null), max: eight.map(() => null) };
    const holders = Array.from({ length: 13 }, (_, index) =>
      heldBy(`w-${index}`, index / 4, (index + 1) / 4),
    );
    const nothing = eight.map(() => null);
    const view = gpuHistoryView(eight, {
      utilizationPercent: untold,
      powerWatts: untold,
      energyJoules: nothing,
      holders,
    });
    const { stdout, stderr } = await print({ ...view, keptMs: null });
    expect(stdout).toMatch(/^ *0 +load +·{8} +- +- +- +-$/m);
    expect(stdout).toMatch(/^ *0 +power +·{8} +- +- +- +-$/m);
    expect(stdout).not.toContain("w-2 ");
    expect(stdout).toMatch(/^ *0 +a +w-3 /m);
    expect(stderr).toBe(
      "nothing is kept yet: the first step is written after 5 s\nGPU 0: 3 earlier holders are not listed; --json has them\n",
    );
    expect(await print({ ...view, gpus: [] })).toMatchObject({ stdout: "", stderr: "no GPUs\n" });
  });

  it("refuses times that are none, and its flags without it", async () => {
    const view = gpuHistoryView(eight);
    expect(await print(view, ["--since", "soonish"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('error: --since: "soonish" is no time that has been'),
    });
    const flags = await orch(["gpus", "--gpu", "1"], { socket: "/nonexistent" });
    expect(flags.code).not.toBe(0);
    await using server = await serveAnswers({ "GET /gpus": () => ({ gpus: [] }) });
    expect(await orch(["gpus", "--since", "1h"], server)).toMatchObject({
      code: 2,
      stderr: "error: --since is for --history\n  try: orch gpus --history --since 1h\n",
    });
  });
});
