import { expect, it } from "vitest";
import { addSmall } from "../../openai/served.ts";
import { documentOf, startMloc } from "./mloc-home.ts";

it("inference is done by a server with OpenAI's API as well, which is found by the name of the model", async () => {
  await using home = await startMloc();
  const params =
    "params:\n  prompt: { type: string }\n  system: { type: string }\n  max_tokens: { type: integer }\n";
  addSmall(home.host, "qwen3-8b", params);
  const id = await home.submit(
    documentOf(
      "inference",
      `  model: { source: { identifier: Qwen/Qwen3-8B } }
  data: { items: ["tokens=3 one", "tokens=2 two"] }
  inference: { system_prompt: be brief, max_tokens: 5 }
`,
    ),
  );
  const { result, worker_id: worker } = await home.result(id);
  expect(worker).toMatch(/^qwen3-8b-\d+$/);
  expect(result).toMatchObject({
    model: "Qwen/Qwen3-8B",
    items: [
      { index: 0, finish_reason: "stop", prompt: "tokens=3 one" },
      { index: 1, finish_reason: "stop" },
    ],
    usage: { num_requests: 2 },
  });
  const { items, usage } = result as { items: { output: string }[]; usage: Record<string, number> };
  expect(items.map(({ output }) => output.trim().split(/\s+/).length)).toEqual([3, 2]);
  expect(usage["completion_tokens"]).toBe(5);
  expect(usage["total_tokens"]).toBe((usage["prompt_tokens"] ?? 0) + 5);
  expect(usage["prompt_tokens"]).toBeGreaterThan(0);
});
