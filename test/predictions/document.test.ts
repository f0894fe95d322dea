import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { blocksIn } from "../kit/document-blocks.ts";
import { need } from "../kit/need.ts";
import { startPredictions } from "./prediction-home.ts";

const run = promisify(execFile);
const createHome = useOrch();
const DOCUMENT = "docs/predictions.md";

const hasCurl = need("curl", spawnSync("curl", ["--version"]).status === 0);

describe(DOCUMENT, () => {
  it.skipIf(!hasCurl)("has curl lines that do what it says", async () => {
    await using home = createHome();
    const { url, key } = await startPredictions(home);
    home.write("photo.png", "12345");
    const blocks = blocksIn(DOCUMENT, "sh");
    const outputs: string[] = [];
    for (const block of blocks) {
      const { stdout } = await run("bash", ["-euc", block], {
        cwd: home.dir,
        env: { ...home.env, URL: url, KEY: key },
        timeout: 30_000,
      });
      outputs.push(stdout);
    }
    const [sync, put, stream, files, secret] = outputs;
    expect(JSON.parse(sync ?? "")).toMatchObject({ status: "succeeded", output: "a lighthouse at dawn" });
    const twice = (put ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string });
    expect(twice.map(({ id }) => id)).toEqual(["nightly-7", "nightly-7"]);
    expect(stream?.match(/^event: .*/gm)?.filter((name, index, all) => name !== all[index - 1])).toEqual(
      expect.arrayContaining(["event: start", "event: log", "event: output", "event: completed"]),
    );
    const [file, prediction] = (files ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(file).toMatchObject({ size: 5, content_type: "image/png" });
    expect(prediction).toMatchObject({ status: "succeeded", model: "orch/embed" });
    expect(JSON.parse(secret ?? "")).toEqual({ key: expect.stringMatching(/^whsec_/) as string });
  });
});
