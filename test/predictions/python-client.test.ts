import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { installPython } from "../kit/python-tools.ts";
import { startPredictions } from "./prediction-home.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../fixtures/predictions/client.py");
const found = await installPython("replicate-client", ["replicate==1.0.7"]);
const why = typeof found === "string" ? ` (skipped: ${found})` : "";
const createHome = useOrch();

describe("the client of Replicate for Python", () => {
  it.skipIf(typeof found === "string")(`runs, streams, uploads, cancels and lists${why}`, async () => {
    await using home = createHome();
    const { url, key } = await startPredictions(home);
    const image = home.write("photo.png", "x".repeat(100_000));
    const python = typeof found === "string" ? "" : found.python;
    const { stdout } = await run(python, [script, url, key, image], { timeout: 50_000 });
    expect(JSON.parse(stdout)).toEqual({
      run: "good day",
      versioned: ["a", "a"],
      polled: "polled",
      uploaded: { text: "sized", bytes: 100_000 },
      inline: { text: "sized", bytes: 100_000 },
      failed: ["failed", expect.stringContaining("exit code 1") as string],
      refused: [422, 'param "text" of runtime "say" is missing'],
      streamed: [
        ["output", "streamed"],
        ["output", "streamed"],
        ["done", "{}"],
      ],
      waited: ["succeeded", "hears streamed\ngoes on\n"],
      canceled: "canceled",
      listed: 8,
      model: "say",
      secret: "whsec_",
    });
  });
});
