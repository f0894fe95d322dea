import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltOrch, buildOrch, type Mutation } from "../kit/built-orch.ts";
import { createOrchHome } from "../kit/orch-home.ts";
import { askJobs, submitJob, untilEnded, writeJobs } from "./jobs/jobs-home.ts";
import { askBalancer, infer, writeBalancer, writeHandler } from "./load-balancer/lb-home.ts";

// The tests of these systems look at what is here: each planted bug is to be seen by such a look.

const at = "src/gateway/compat/";
const planted: readonly Mutation[] = [
  {
    file: `${at}jobs/job-result.ts`,
    find: '"status" ? "result_status" : key',
    replace: '"status" ? key : key',
  },
  { file: `${at}load-balancer/api-keys-file.ts`, find: 'state = "broken";', replace: 'state = "no file";' },
  { file: `${at}load-balancer/media.ts`, find: "if (!isWithin)", replace: "if (false)" },
];

let built: BuiltOrch;
beforeAll(async () => {
  built = await buildOrch(planted);
});
afterAll(() => built[Symbol.dispose]());

describe("planted bugs", () => {
  it("in the load balancer are seen: a broken file opens the door, any file is read", async () => {
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB" });
    writeHandler(home, "gemma3", "  prompt: { type: string }\n", `        return params["prompt"]`);
    home.write("api_keys.json", "{ no json");
    home.write("media/a.txt", "");
    writeBalancer(
      home,
      `      open: true\n      apiKeys: ${join(home.dir, "api_keys.json")}\n      mediaDirs: [${join(home.dir, "media")}]\n`,
    );
    await home.daemon();
    const asked = await askBalancer(home);
    expect((await infer(asked, "gemma3", { input: "hi" })).status, "401 without the bug").toBe(200);
    const { json } = await infer(asked, "gemma3", { input: "hi", images: ["/etc/passwd"] });
    expect(json["detail"], "it was read").toBe("images[0] cannot be read: it is no picture of a known kind");
  });

  it("in the job orchestrator are seen: two statuses in a body", async () => {
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB" });
    writeJobs(home);
    await home.daemon();
    const asked = await askJobs(home);
    const { text } = await untilEnded(asked, await submitJob(asked, "sdxl-image-gen", { prompt: "a" }));
    expect(text.match(/"status":"/g)?.length, "one without the bug").toBeGreaterThan(1);
  });
});
