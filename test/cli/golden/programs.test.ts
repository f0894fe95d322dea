import { join } from "node:path";
import { expect, it } from "vitest";
import { runDetached, untilState, useOrch } from "../../e2e/session.ts";
import { until } from "../../kit/until.ts";
import type { Run } from "../captured-io.ts";
import { goldenFile } from "./golden-file.ts";
import { section } from "./print-case.ts";
import type { programCases } from "./program-cases.ts";

const createHome = useOrch();

/** Compares what the command lines printed with the file. */
async function compare(
  name: (typeof programCases)[number],
  lines: readonly { readonly argv: readonly string[]; readonly run: Run }[],
  clean: (text: string) => string,
): Promise<void> {
  const text = lines.map(({ argv, run }) => section(argv, run, clean)).join("\n");
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, goldenFile(name)));
}

it("orch exec", async () => {
  await using home = createHome();
  await home.daemon();
  const job = await runDetached(home, "--", "sleep", "600");
  await untilState(home, job, "running");
  const typed = [
    ["exec", "run-1", "--", "sh", "-c", 'echo "beside worker $ORCH_WORKER"; exit 0'],
    ["exec", "--json", "run-1", "--", "true"],
    ["exec", "run-2", "--", "true"],
    ["exec", "run-1", "--", "no-such-program"],
    ["exec", "run-1"],
  ];
  const lines = [];
  for (const argv of typed) lines.push({ argv, run: await home.orch(argv) });
  expect(lines.map(({ run }) => run.code)).toEqual([0, 2, 5, 127, 2]);
  await compare("exec", lines, (text) => text.replaceAll(home.dir, "/HOME"));
});

it("orch daemon", async () => {
  await using home = createHome();
  const daemon = home.spawn(["daemon"]);
  const { pid } = await until("the daemon answers", () =>
    home.client.call("GET /hello", {}).catch(() => null),
  );
  const second = await home.orch(["daemon"]);
  const refused = await home.orch(["daemon", "--json"]);
  const unknown = await home.orch(["daemon", "--log-level", "loud"]);
  daemon.child.kill("SIGTERM");
  const lines = [
    { argv: ["daemon"], run: await daemon.ended },
    { argv: ["daemon", "--json"], run: refused },
    { argv: ["daemon"], run: second },
    { argv: ["daemon", "--log-level", "loud"], run: unknown },
  ];
  expect(lines.map(({ run }) => run.code)).toEqual([0, 2, 6, 2]);
  await compare("daemon", lines, (text) =>
    text.replaceAll(home.dir, "/HOME").replaceAll(`pid ${pid}`, "pid PID"),
  );
});
