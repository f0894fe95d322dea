import { describe, expect, it } from "vitest";
import { parseRuntime } from "../../src/runtime/parse.ts";
import {
  type KnownRuntimes,
  modelParams,
  type RuntimesByType,
  runtimeFor,
} from "../../src/tasks/choose-runtime.ts";
import { itemParams } from "../../src/tasks/inference.ts";

const make = (name: string, rest: string) =>
  parseRuntime(
    `name: ${name}\nsummary: s\nprotocol: orch\ncommand: [python3, h.py]\ngpu: { count: 0 }\n${rest}`,
    { dir: `/runtimes/${name}`, origin: "user" },
  );
const fixed = make("qwen3-8b", "params:\n  prompt: { type: string }\n");
const aliased = make(
  "gemma",
  "aliases: [{ name: gemma-3-12b-it, params: { size: 12 } }]\nparams:\n  prompt: { type: string }\n  size: { type: integer, load: true, default: 4 }\n",
);
const any = make(
  "vllm",
  "params:\n  model: { type: string, load: true, default: a/b }\n  prompt: { type: string }\n  max_tokens: { type: integer, max: 100 }\n  temperature: { type: number }\n",
);
const trainer = make("trainer", "params:\n  task: { type: json }\n");

function choose(
  type: string,
  spec: object,
  asked: RuntimesByType = {},
  runtimes = [fixed, aliased, any, trainer],
) {
  const known: KnownRuntimes = {
    list: () => runtimes.map((runtime) => ({ name: runtime.name, runtime })),
    get(name) {
      const found = runtimes.find((runtime) => runtime.name === name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found;
    },
  };
  return runtimeFor(type, spec as never, asked, known)?.name ?? null;
}
const model = (identifier: string) => ({ model: { source: { identifier } } });

describe("the runtime of a task", () => {
  it.each([
    ["Qwen/Qwen3-8B", "qwen3-8b"],
    ["google/gemma-3-12b-it", "gemma"],
    ["GEMMA", "gemma"],
    ["a/b", "vllm"],
    ["meta/llama", "vllm"],
  ])("of %s is %s", (identifier, name) => {
    expect(choose("inference", model(identifier))).toBe(name);
  });

  it("is the one that the settings name, by type or by model", () => {
    expect(choose("inference", model("x"), { inference: "gemma" })).toBe("gemma");
    expect(choose("inference", model("x"), { inference: { x: "trainer", "*": "gemma" } })).toBe("trainer");
    expect(choose("inference", model("y"), { inference: { x: "trainer", "*": "gemma" } })).toBe("gemma");
    expect(choose("sft", {}, { sft: "trainer" })).toBe("trainer");
    expect(choose("echo", {})).toBe(null);
    expect(choose("echo", {}, { echo: "trainer" })).toBe("trainer");
  });

  it("is named when there is none, with the setting that would help", () => {
    expect(() => choose("ppo", {})).toThrow("no runtime serves taskType ppo");
    expect(() => choose("inference", model("q/r"), {}, [fixed])).toThrow('no runtime serves the model "q/r"');
    expect(() => choose("inference", {}), "of several that might").toThrow("no runtime serves");
    expect(choose("inference", {}, {}, [fixed]), "the only one").toBe("qwen3-8b");
  });
});

describe("its params", () => {
  it("name the model where it is asked for one, by what an alias stands for, or not at all", () => {
    expect(modelParams(any, "meta/llama")).toEqual({ model: "meta/llama" });
    expect(modelParams(any, "vllm"), "its own name is no model").toEqual({});
    expect(modelParams(aliased, "google/gemma-3-12b-it")).toEqual({ size: 12 });
    expect(modelParams(fixed, "Qwen/Qwen3-8B")).toEqual({});
  });

  it("are what the task sets, and the usual where that fits", () => {
    const item = { prompt: "p", messages: null, metadata: null };
    expect(itemParams(any, {}, item)).toEqual({ prompt: "p", temperature: 0.7 });
    const spec = { inference: { max_new_tokens: 7, temperature: 0, system_prompt: "s" } };
    expect(itemParams(any, spec, item)).toEqual({ prompt: "s\n\np", max_tokens: 7, temperature: 0 });
  });
});
