import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { startPredictions } from "./prediction-home.ts";

const createHome = useOrch();

const OLD_S = Date.now() / 1000 - 8 * 86_400;

/** What a command line put aside for its job. */
async function spooled(home: OrchHome, image: string, ...flags: string[]): Promise<string> {
  const words = ["submit", "say", "--text", "x", "--image", image, "--json", ...flags];
  const { code, stdout, stderr } = await home.orch(words, { input: "GIF89a from stdin" });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { id } = JSON.parse(stdout) as { id: number };
  const { params } = await home.client.call("GET /jobs/:job", { job: id });
  return String(params["image"]);
}

it("what came on stdin or was fetched for a job goes a week after it was used, unless a job waits with it", async () => {
  await using home = createHome();
  const at = await startPredictions(home);
  const web = createServer((_request, response) => response.end("fetched"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void web.close());
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/a.txt`;
  const dirs = [join(home.dir, "cache", "stdin"), join(home.dir, "cache", "fetched")];
  const done = [await spooled(home, "-"), await spooled(home, url)];
  const waiting = [await spooled(home, "-", "--hold"), await spooled(home, url, "--hold")];
  const fresh = await spooled(home, "-");
  // Of a command that was killed before it submitted anything.
  const orphan = join(dirs[0] ?? "", createHash("sha256").update("x").digest("hex"));
  writeFileSync(orphan, "begun");
  await until("those that do not wait are over", async () => {
    const jobs = await Promise.all([1, 2, 5].map((job) => home.client.call("GET /jobs/:job", { job })));
    return jobs.every(({ finishedAt }) => finishedAt !== null);
  });
  for (const file of [...done, ...waiting, orphan]) {
    expect(existsSync(file), file).toBe(true);
    utimesSync(file, OLD_S, OLD_S);
  }
  await at.daemon.kill();
  const next = await home.daemon();
  await until("what nobody waits with is gone", () => ![...done, orphan].some((file) => existsSync(file)));
  for (const file of [...waiting, fresh]) expect(existsSync(file), file).toBe(true);
  const folders = readdirSync(dirs[1] ?? "").length;
  expect(folders, "with its folder").toBe(1);
  for (const dir of dirs) expect(statSync(dir).mode & 0o777, "nobody else's").toBe(0o700);
  // Cancelled: nothing waits with them any more.
  for (const job of [3, 4]) await home.client.call("POST /jobs/:job/cancel", { job });
  await next.kill();
  await home.daemon();
  await until("those have gone, too", () => !waiting.some((file) => existsSync(file)));
  expect(existsSync(fresh)).toBe(true);
});
