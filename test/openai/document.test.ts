import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { GatewaySchema } from "../../src/config/gateway.ts";
import { parseRuntime } from "../../src/runtime/parse.ts";
import { blocksIn } from "../kit/document-blocks.ts";
import { need } from "../kit/need.ts";
import { runtimeFrom } from "../runtime/runtime-from.ts";
import { addSmall, type Served, serve } from "./served.ts";

const run = promisify(execFile);
const [firstLines = "", anthropicLines = "", ollamaLines = ""] = blocksIn("docs/openai.md", "sh");
const [runtimeYaml = "", configYaml = ""] = blocksIn("docs/openai.md", "yaml");

const hasCurl = need("curl", spawnSync("curl", ["--version"]).status === 0);

describe("docs/openai.md", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
    addSmall(served.host, "llama", "aliases: [small-chat]\n");
    writeFileSync(join(served.host.home, "said.wav"), "sound");
  }, 60_000);
  afterAll(() => served?.[Symbol.asyncDispose]());

  const sh = async (lines: string): Promise<string> => {
    const env = { PATH: process.env["PATH"] ?? "", URL: served.url, KEY: served.key };
    return (await run("sh", ["-ec", lines], { env, cwd: served.host.home })).stdout;
  };

  it.skipIf(!hasCurl)(
    `has lines for curl that do what it says${hasCurl ? "" : "; there is no curl"}`,
    async () => {
      const openai = await sh(firstLines);
      expect(openai).toContain('"id":"small-chat"');
      expect(openai).toContain('"content": "w0 w1 w2 "');
      expect(openai).toContain("data: [DONE]");
      expect(openai).toContain("said.wav, for llama-v1");
      expect(await sh(anthropicLines)).toMatch(/"type":"text","text":"w0 w1 w2.*"stop_reason":"end_turn"/);
      const ollama = await sh(ollamaLines);
      expect(ollama).toContain('"model":"llama","modified_at"');
      expect(ollama).toMatch(/"response":"w0 w1 w2 ","done":true/);
      expect(ollama).toContain('"done_reason":"unload"');
    },
  );

  it("has a runtime and a config that are read as they stand", () => {
    const { aliases } = parseRuntime(runtimeYaml, { dir: "/srv/llama", origin: "user" });
    expect(aliases).toEqual([
      { name: "gpt-4o", params: {} },
      { name: "small-chat", params: { model: "/models/small.gguf" } },
    ]);
    expect(GatewaySchema.parse((parse(configYaml) as { gateway: unknown }).gateway)).toMatchObject({
      maxWaiting: 512,
      maxBody: 32 * 2 ** 20,
      maxUpload: 2 ** 30,
    });
  });
});

describe("aliases in runtime.yaml", () => {
  const file = (aliases: string): string =>
    `command: [serve]\nprotocol: openai\nparams:\n  size: { type: string, load: true, choices: [s, l] }\n  prompt: { type: string }\naliases: ${aliases}\n`;

  it.each([
    ["[a b]", /must be letters, digits/],
    ["[x, x]", /named twice/],
    ["[{ name: x, params: { siz: s } }]", /did you mean "size"/],
    ["[{ name: x, params: { size: m } }]", /must be one of s, l/],
    ["[{ name: x, params: { prompt: hi } }]", /is no load param/],
    ["[{ name: x, param: { size: s } }]", /param/],
  ])("refuses %s", (aliases, words) => {
    expect(() => runtimeFrom(file(aliases))).toThrow(
      expect.objectContaining({ code: "runtime/invalid", sentence: expect.stringMatching(words) }),
    );
  });
});
