import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runWishes } from "../../src/std/run-wishes.ts";
import { askAs, users, whyNoUsers } from "../kit/as-user.ts";
import { type Host, startHost } from "../kit/host.ts";

const why = whyNoUsers();
const { ada } = users;

describe.skipIf(why !== null)(`--output where a daemon of root serves a group (${why ?? "root"})`, () => {
  let host: Host;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "orch-output-"));
    chownSync(dir, ada.uid, ada.gid);
    mkdirSync(join(dir, "roots"), { mode: 0o700 });
    host = await startHost({ config: `group: nogroup\nworkerUser: ${users.worker.name}\n` });
  });
  afterAll(async () => {
    await host.client.call("POST /shutdown", { mode: "kill" });
    await host.exited();
    await host[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  async function run(output: string) {
    const env = { [runWishes.output]: output };
    const body = { command: ["sh", "-c", "echo hello; exit 4"], cwd: dir, env };
    const { text } = await askAs(ada, host.paths.socket, "POST /jobs/run", body);
    return host.until((JSON.parse(text) as { id: number }).id, "failed", "succeeded");
  }

  it("is written by the job's user, and by nobody with more rights", async () => {
    expect(await run("%u-%j.txt")).toMatchObject({ exitCode: 4 });
    const file = join(dir, "nobody-1.txt");
    expect(readFileSync(file, "utf8")).toBe("hello\n");
    expect(statSync(file).uid).toBe(ada.uid);
    expect(await run("roots/out.txt")).toMatchObject({
      state: "failed",
      exitCode: 125,
      reason: { text: expect.stringContaining("cannot copy the output to roots/out.txt") },
    });
  });
});
