import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRng } from "../../../src/std/rng.ts";
import { documentOf, type MlocHome, startMloc } from "./mloc-home.ts";

let home: MlocHome;
beforeAll(async () => {
  home = await startMloc();
}, 30_000);
afterAll(() => home[Symbol.asyncDispose]());

const post = (body: string, type = "text/yaml") =>
  home.ask("POST", "/api/v1/tasks", { body, headers: { "content-type": type } });

const good = documentOf("echo");
const without = (line: string): string => good.replace(line, "");
const stages = (text: string): string => documentOf("echo", `  stages:\n${text}`);
const nodes = (text: string): string => documentOf("echo", `  graph:\n    nodes:\n${text}`);

describe("a document that is wrong", () => {
  it.each([
    ["nothing", "", "Request body is required"],
    ["blanks", " \n ", "Request body is required"],
    ["no YAML", "a: [", "Invalid YAML: "],
    ["a list", "- a", "Invalid YAML: a task document is a map"],
    ["a text", "hello", "Invalid YAML: a task document is a map"],
    ["two documents", `${good}---\na: 1`, "Invalid YAML: "],
    ["a key twice", `${good}kind: Other\n`, "Invalid YAML: this key appears twice"],
    ["no apiVersion", without("apiVersion: mloc/v1"), "Missing required field: apiVersion"],
    ["no kind", without("kind: Task\n"), "Missing required field: kind"],
    ["no name", good.replace("name: t", "nom: t"), "Missing required field: metadata.name"],
    ["no taskType", without("  taskType: echo\n"), "Missing required field: spec.taskType"],
    ["no spec", "apiVersion: 1\nkind: T\nmetadata: { name: t }\n", "Missing required field: spec.taskType"],
    ["no replicas", good.replace("replicas: 1, ", ""), "Missing required field: spec.resources.replicas"],
    ["no cpu", good.replace("cpu: 1, ", ""), "Missing required field: spec.resources.hardware.cpu"],
    [
      "no memory",
      good.replace(", memory: 1Gi", ""),
      "Missing required field: spec.resources.hardware.memory",
    ],
    [
      "half a GPU block",
      good.replace("1Gi", "1Gi, gpu: { type: any }"),
      "Missing required field: spec.resources.hardware.gpu.count",
    ],
    [
      "the other half",
      good.replace("1Gi", "1Gi, gpu: { count: 1 }"),
      "Missing required field: spec.resources.hardware.gpu.type",
    ],
    ["a strange size", good.replace("1Gi", "lots"), "Invalid field spec.resources.hardware.memory"],
    [
      "a strange count",
      good.replace("1Gi", "1Gi, gpu: { count: -1, type: any }"),
      "Invalid field spec.resources.hardware.gpu.count",
    ],
    [
      "a training type that nothing serves",
      good.replace("echo", "ppo"),
      "no runtime serves taskType ppo: tasks.runtimes.ppo",
    ],
    [
      "stages with a graph",
      stages("    - { name: a }\n  graph: { nodes: [{ name: b }] }\n"),
      "stages and graph do not go together",
    ],
    ["no stages", documentOf("echo", "  stages: []\n"), "Invalid field spec.stages: expected a list"],
    ["a stage without a name", stages("    - { spec: {} }\n"), "Missing required field: spec.stages[0].name"],
    ["a name twice", stages("    - { name: a }\n    - { name: a }\n"), "the name a appears twice"],
    ["an unknown name", nodes("      - { name: a, dependsOn: [b] }\n"), 'there is no "b"'],
    [
      "a cycle",
      nodes("      - { name: a, dependsOn: [b] }\n      - { name: b, dependsOn: [a] }\n"),
      "a cycle: a, b wait for each other",
    ],
    [
      "a cycle of references",
      nodes(
        `      - { name: a, spec: { x: "\${b.result}" } }\n      - { name: b, spec: { x: "\${a.result}" } }\n`,
      ),
      "a cycle",
    ],
    [
      "a path that leads out",
      documentOf("echo", "  output: { destination: { type: local, path: ../../etc } }\n"),
      "Invalid field spec.output.destination.path",
    ],
    [
      "an absolute path",
      documentOf("echo", "  output: { destination: { type: local, path: /etc } }\n"),
      "Invalid field spec.output.destination.path",
    ],
    ["a prototype", `${good}  __proto__: { x: 1 }\n`, "Invalid YAML: "],
    ["deep nesting", `a: ${"[".repeat(5_000)}`, "Invalid YAML: nested deeper"],
  ])("of %s is answered with 400 and what it is", async (_what, document, detail) => {
    const { status, json } = await post(document);
    expect(json["detail"]).toContain(detail);
    expect(status).toBe(400);
  });

  it.each([
    ["JSON that is none", '{"yaml": ', "application/json", 400],
    ["JSON with a number for yaml", '{"yaml": 5}', "application/json", 400],
    ["JSON of null", "null", "application/json", 400],
  ])("of %s is refused", async (_what, body, type, status) => {
    const answer = await post(body, type);
    expect(answer.status).toBe(status);
    expect(typeof answer.json["detail"]).toBe("string");
  });

  it("of bytes that are no text is refused", async () => {
    const body = Buffer.from([0xff, 0xfe, 0x00, 0x61]);
    const answer = await fetch(`${await home.url()}/api/v1/tasks`, { method: "POST", body });
    expect([answer.status, await answer.text()]).toEqual([400, '{"detail":"the body is no UTF-8 text"}']);
  });

  it("that multiplies itself is refused at once", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `l${at}: &l${at} [${`*l${at - 1}, `.repeat(at === 0 ? 0 : 9)}x]`,
    );
    const { status, json } = await post(`${levels.join("\n")}\n`);
    expect([status, json["detail"]]).toEqual([400, expect.stringContaining("Invalid YAML")]);
  });

  it("that is too large is refused", async () => {
    expect((await post(`${good}# ${"x".repeat(1_100_000)}`)).status).toBe(400);
    expect((await post(`${good}# ${"x".repeat(2_200_000)}`)).status).toBe(413);
  });

  it("spoilt at random is taken or answered with 400, and the daemon lives", async () => {
    const rng = createRng(20_240_601);
    const graph = nodes(
      `      - { name: a }\n      - { name: b, dependsOn: [a], spec: { x: "\${a.result.echo}" } }\n`,
    );
    for (let round = 0; round < 150; round += 1) {
      const text = rng.pick([good, graph, stages("    - { name: a }\n    - { name: b }\n")]);
      const at = rng.below(text.length);
      const junk = rng.pick([
        "",
        ": ",
        "- ",
        "[",
        "}",
        "&a ",
        "*a",
        "\t",
        "null",
        "\u0000",
        '"',
        "!!binary ",
        "? ",
        "{a: b}",
        "é\n",
      ]);
      const { status, json } = await post(text.slice(0, at) + junk + text.slice(at + rng.below(6)));
      expect([200, 400]).toContain(status);
      if (status === 400) expect(String(json["detail"]).length).toBeGreaterThan(5);
    }
    expect((await home.ask("GET", "/healthz")).status).toBe(200);
  }, 30_000);
});
