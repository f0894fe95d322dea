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

it("orch bench", async () => {
  await using home = createHome();
  home.write(
    "runtimes/note/runtime.yaml",
    "name: note\nprotocol: exec\ngpu: { count: 0 }\ncommand: [echo, hi]\n",
  );
  await home.daemon();
  const typed = [
    ["bench", "note", "-n", "3", "-c", "1"],
    ["bench", "note", "-n", "3", "-c", "1", "--json"],
    ["bench", "note", "--hold", "10s"],
    ["bench", "nothing"],
  ];
  const lines = [];
  for (const argv of typed) lines.push({ argv, run: await home.orch(argv) });
  expect(lines.map(({ run }) => run.code)).toEqual([0, 0, 2, 5]);
  // What was measured is another time another.
  const measured = (text: string): string =>
    text
      .replaceAll(/("(?:seconds|perSecond|mean|p50|p90|p99|max)": )[\d.]+/g, "$1N")
      .replaceAll(/"note-\d+"/g, '"note-N"')
      .replaceAll(/note-\d+ 1/g, "note-N 1")
      .replaceAll(/\d+(\.\d+)? ?(ms|s)\b/g, "T")
      .replace(/(note +3 +0 +)[\d.]+/, "$1R")
      .replaceAll(/(?<=^(?:RUNTIME|note).*) +/gm, " ");
  await compare("bench", lines, measured);
});
