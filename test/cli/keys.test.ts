import { expect, it } from "vitest";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { apiKey } from "./golden/golden-views.ts";

const made = { key: `orch_0a1b2c3d4e_${"x".repeat(43)}`, about: apiKey, gateway: null };

it.each([
  ["as a word", ["ci"]],
  ["as a flag", ["--name", "ci"]],
  ["as both", ["ci", "--name", "ci"]],
])("orch keys add takes the name %s", async (_how, words) => {
  await using server = await serveAnswers({ "POST /keys": () => made });
  expect((await orch(["keys", "add", ...words, "-q"], server)).stdout).toBe(`${made.key}\n`);
  expect(server.seen.map(({ input }) => input)).toEqual([{ name: "ci" }]);
});

it("orch keys add refuses two names, and a second word", async () => {
  await using server = await serveAnswers({});
  expect(await orch(["keys", "add", "ci", "--name", "laptop"], server)).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: the key has two names: ci, and --name laptop\n  try: orch keys add ci\n",
  });
  expect(await orch(["keys", "add", "my", "laptop"], server)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("too many arguments"),
  });
  expect(server.seen).toEqual([]);
});
