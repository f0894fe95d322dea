import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { sharedOrch } from "../kit/built-orch.ts";
import { createOrchHome } from "../kit/orch-home.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

it("an upload is refused where it would take the room that the daemon needs; jobs are taken on [fault 8]", async ({
  skip,
}) => {
  using disk = mountSmallDisk(64);
  if (disk === null) return skip("no tmpfs can be mounted here");
  await using home = createOrchHome(await sharedOrch(), {}, disk.path);
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  await home.daemon("--gpus", "virtual:1x24GiB");
  const key = await makeKey(home, "full");
  const url = await urlOf(home);
  const post = (path: string, body: unknown) =>
    ask(url, { method: "POST", path: `/api/v1${path}`, key, body });
  expect(await post("/uploads", "x".repeat(1_000))).toMatchObject({
    status: 507,
    json: { code: "store/full", detail: "less than 512 MiB of it are free" },
  });
  expect(
    readdirSync(disk.path, { recursive: true }).filter((name) => String(name).endsWith(".part")),
  ).toEqual([]);
  expect((await post("/jobs", { runtime: "note" })).status).toBe(200);
});
