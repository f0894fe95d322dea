import { describe, expect, test } from "vitest";
import { parseRuntime } from "../../src/runtime/parse.ts";
import { Failure } from "../../src/std/failure.ts";

const dir = "/srv/runtimes/demo";

/** The failure of a file that must not parse. */
function failureOf(text: string): Failure {
  try {
    parseRuntime(text, { dir, origin: "user" });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("this file was accepted");
}

/** Ten levels of ten references each: ten thousand million strings, if expanded. */
const billionLaughs = [
  "a0: &a0 [lol, lol]",
  ...Array.from({ length: 9 }, (_, level) => {
    const references = Array(10).fill(`*a${level}`).join(", ");
    return `a${level + 1}: &a${level + 1} [${references}]`;
  }),
].join("\n");

/** name of case, text, line:col, what the message says after it, what why says. */
const corpus: readonly (readonly [string, string, string, string | RegExp, RegExp])[] = [
  [
    "unknown key",
    "name: demo\nkeepalive: 5m\n",
    "2:1",
    '"keepalive" is not valid',
    /unknown key; did you mean "keepAlive"\?/,
  ],
  ["snake case", "name: demo\nkeep_alive: 5m\n", "2:1", '"keep_alive"', /did you mean "keepAlive"\?/],
  ["unknown inner key", "name: demo\ngpu: { vrm: 12GiB }\n", "2:8", '"gpu.vrm"', /did you mean "vram"\?/],
  [
    "unknown key of a param",
    "name: demo\nparams:\n  a:\n    type: string\n    mim: 3\n",
    "5:5",
    '"params.a.mim"',
    /"min"/,
  ],
  ["a check too often", "name: demo\ncheckEvery: 10ms\n", "2:13", '"checkEvery"', /too short a time/],
  [
    "a warm-up of nothing",
    "name: demo\nwarmUp: { promt: a }\nparams: { prompt: { type: string } }\n",
    "2:18",
    '"warmUp.promt"',
    /did you mean "prompt"/,
  ],
  [
    "a warm-up of the wrong type",
    "name: demo\nwarmUp: { n: many }\nparams: { n: { type: integer } }\n",
    "2:14",
    '"warmUp.n"',
    /whole number/,
  ],
  [
    "a warm-up that lacks",
    "name: demo\nwarmUp: {}\nparams: { a: { type: string, required: true } }\n",
    "2:9",
    '"warmUp"',
    /"a" is required/,
  ],
  [
    "a warm-up with a load param",
    "name: demo\nwarmUp: { m: x }\nparams: { m: { type: string, load: true } }\n",
    "2:14",
    '"warmUp.m"',
    /load param/,
  ],
  [
    "a warm-up with a file",
    "name: demo\nwarmUp: { f: x }\nparams: { f: { type: file } }\n",
    "2:14",
    '"warmUp.f"',
    /is a file/,
  ],
  [
    "a warm-up of exec",
    "name: demo\nprotocol: exec\ncommand: [a]\nwarmUp: {}\n",
    "4:9",
    '"warmUp"',
    /nothing to warm up/,
  ],
  ["unknown far key", "name: demo\nzzzzzz: 1\n", "2:1", '"zzzzzz"', /known are name, summary/],
  ["wrong type", "name: demo\nslots: many\n", "2:8", '"slots"', /must be a number, not "many"/],
  ["a fraction", "name: demo\nslots: 1.5\n", "2:8", '"slots"', /must be a whole number, not 1.5/],
  ["a list for a map", "name: demo\ngpu: [1]\n", "2:6", '"gpu"', /must be a map, not a list/],
  ["a number for text", "name: demo\nsummary: 12\n", "2:10", '"summary"', /must be text, not 12/],
  [
    "bad word of an enum",
    "name: demo\nprotocol: exce\n",
    "2:11",
    '"protocol"',
    /exec, openai, cog, http, not "exce"; did you mean "exec"\?/,
  ],
  ["duplicate key", "name: demo\nslots: 1\nslots: 2\n", "3:1", "not a valid YAML", /appears twice/],
  [
    "duplicate param",
    "name: demo\nparams:\n  a: { type: string }\n  a: { type: file }\n",
    "4:3",
    "YAML",
    /twice/,
  ],
  ["billion laughs", billionLaughs, "3:10", "YAML", /more than 10 aliases/],
  ["alias of itself", "name: demo\nparams: &p { a: *p }\n", "2:17", "YAML", /contains itself/],
  ["alias without anchor", "name: demo\nsummary: *x\n", "2:10", "YAML", /no anchor &x/],
  ["deep nesting", `name: demo\nparams: ${"[".repeat(2000)}`, "2:40", "YAML", /deeper than 32/],
  [
    "deep block nesting",
    `name: demo\nparams:\n  ${"- ".repeat(5000)}x`,
    /.*/.source,
    "YAML",
    /deeper than 32/,
  ],
  ["tabs", "name: demo\ngpu:\n\tcount: 1\n", "3:1", "YAML", /a tab is used/],
  ["missing name", "# nothing else\nsummary: x\n", "2:1", '"name" is not valid', /required and missing/],
  ["empty file", "", "1:1", '"name"', /required and missing/],
  ["a list", "- name: demo\n", "1:1", "not a runtime", /must be a map, not a list/],
  ["name is not the folder", "name: dmeo\n", "1:7", '"name"', /"dmeo" is not the name of its folder, "demo"/],
  ["name leaves the folder", "name: ../demo\n", "1:7", '"name"', /lower-case letters/],
  [
    "negative vram",
    "name: demo\ngpu: { vram: -4 }\n",
    "2:14",
    '"gpu.vram"',
    /"-4" is not an amount of memory; write it like/,
  ],
  ["vram without unit", "name: demo\ngpu: { vram: 12 }\n", "2:14", '"gpu.vram"', /less than 1 MiB/],
  [
    "shared without amount",
    "name: demo\ngpu: { mode: shared }\n",
    "2:1",
    '"gpu.vram"',
    /mode shared needs an amount/,
  ],
  ["over 256 KB", `name: demo\n# ${"x".repeat(300 * 1024)}\n`, "1:1", "too large", /256 KB/],
  [
    "min over max",
    "name: demo\nparams:\n  n: { type: integer, min: 5, max: 3 }\n",
    "3:28",
    '"params.n.min"',
    /5 is more than max, 3/,
  ],
  [
    "default out of range",
    "name: demo\nparams:\n  n: { type: integer, max: 3, default: 4 }\n",
    "3:40",
    '"params.n.default"',
    /at most 3/,
  ],
  [
    "default of other type",
    "name: demo\nparams:\n  n: { type: integer, default: '4' }\n",
    "3:32",
    '"params.n.default"',
    /without quotes/,
  ],
  [
    "default not a choice",
    "name: demo\nparams:\n  n: { type: string, choices: [a, b], default: c }\n",
    "3:48",
    '"params.n.default"',
    /one of a, b/,
  ],
  [
    "choice of other type",
    "name: demo\nparams:\n  n: { type: integer, choices: [1, b] }\n",
    "3:36",
    '"params.n.choices[1]"',
    /whole number/,
  ],
  [
    "min of text",
    "name: demo\nparams:\n  n: { type: string, min: 1 }\n",
    "3:22",
    '"params.n.min"',
    /not for string/,
  ],
  [
    "param without type",
    "name: demo\nparams:\n  n: { help: x }\n",
    "3:3",
    '"params.n.type"',
    /required and missing/,
  ],
  ["param that is null", "name: demo\nparams:\n  n:\n", "3:3", '"params.n"', /must be a map, not null/],
  ["odd param name", "name: demo\nparams:\n  2d: { type: string }\n", "3:3", '"params.2d"', /a letter first/],
  [
    "twin params",
    "name: demo\nparams:\n  a_b: { type: string }\n  a-b: { type: string }\n",
    "4:3",
    '"params.a-b"',
    /too like "a_b"/,
  ],
  [
    "__proto__ param",
    "name: demo\nparams:\n  __proto__: { type: string }\n",
    "3:3",
    "YAML",
    /"__proto__" is not allowed/,
  ],
  [
    "bad duration",
    "name: demo\ntimeouts: { ready: soon }\n",
    "2:20",
    '"timeouts.ready"',
    /"soon" is not a duration/,
  ],
  [
    "negative duration",
    "name: demo\ntimeouts: { stop: -5 }\n",
    "2:19",
    '"timeouts.stop"',
    /"-5" is not a duration/,
  ],
  ["no time to get ready", "name: demo\ntimeouts: { ready: 0 }\n", "2:20", '"timeouts.ready"', /too short/],
  ["longer than any timer", "name: demo\nkeepAlive: 60d\n", "2:12", '"keepAlive"', /longer than 24 days/],
  [
    "replicas",
    "name: demo\nreplicas: { min: 3, max: 2 }\n",
    "2:18",
    '"replicas.min"',
    /3 is more than max, 2/,
  ],
  ["container without image", "name: demo\nengine: container\n", "1:1", '"image"', /needs an image/],
  ["image of a process", "name: demo\nimage: x\n", "2:1", '"image"', /is for engine container/],
  ["exec without command", "name: demo\nprotocol: exec\n", "1:1", '"command"', /needs a command/],
  [
    "program from a param",
    "name: demo\nprotocol: exec\ncommand: ['{p}']\nparams: { p: { type: string, required: true } }\n",
    "3:11",
    '"command[0]"',
    /cannot come from a param/,
  ],
  [
    "unknown placeholder",
    "name: demo\nprotocol: exec\ncommand: [run, '{promt}']\nparams: { prompt: { type: string } }\n",
    "3:16",
    '"command[1]"',
    /no param "promt"; did you mean "prompt"\?/,
  ],
  [
    "dangling flag",
    "name: demo\nprotocol: exec\ncommand: [run, --seed, '{seed}']\nparams: { seed: { type: integer } }\n",
    "3:24",
    '"command[2]"',
    /write "--seed=\{seed\}"/,
  ],
  [
    "orch's own variable",
    "name: demo\nenv: { CUDA_VISIBLE_DEVICES: '0' }\n",
    "2:8",
    '"env.CUDA_VISIBLE_DEVICES"',
    /set by orch itself/,
  ],
  [
    "relative mount",
    "name: demo\nengine: container\nimage: x\nmounts: [{ host: data, path: /data }]\n",
    "4:18",
    '"mounts[0].host"',
    /absolute path/,
  ],
  [
    "mount with options",
    "name: demo\nengine: container\nimage: x\nmounts: [{ host: '/a:/etc', path: /data }]\n",
    "4:18",
    '"mounts[0].host"',
    /must hold no/,
  ],
  [
    "a json load param",
    "name: demo\nparams: { a: { type: json, load: true } }\n",
    "2:34",
    '"params.a.load"',
    /cannot be known when the worker starts/,
  ],
  [
    "a json default that is none",
    "name: demo\nparams: { a: { type: json, default: 3 } }\n",
    "2:37",
    '"params.a.default"',
    /must be a JSON list or map/,
  ],
  [
    "an argument that orch lives by",
    "name: demo\nengine: container\nimage: x\ncontainer: { args: [--cap-add=SYS_NICE, --rm] }\n",
    "4:41",
    '"container.args[1]"',
    /"--rm" is decided by orch itself: orch reads how it ended/,
  ],
  ["unknown tag", "name: demo\nsummary: !!js/function x\n", "2:10", "YAML", /Unresolved tag/],
  ["second document", "name: demo\n---\nname: demo\n", "2:1", "YAML", /only one/],
  ["open quote", "name: demo\nsummary: 'x\n", "3:1", "YAML", /quote/],
  ["first of several", "name: demo\nslots: x\nkeepalive: 1\n", "2:8", '"slots"', /and 1 more in this file/],
  ["reserved name", "name: run\n", "1:7", '"name"', /taken by orch run/],
];

describe("a bad runtime.yaml is refused at its very place", () => {
  test.each(corpus)("%s", (_name, text, place, what, why) => {
    const failure = failureOf(text);
    expect(failure.code).toBe("runtime/invalid");
    expect(failure.message).toMatch(new RegExp(`^/srv/runtimes/demo/runtime\\.yaml:${place}: `));
    expect(failure.message).toContain(what);
    expect(failure.why).toMatch(why);
    expect(failure.hint).toContain("orch runtimes validate /srv/runtimes/demo");
  });
});

describe("a secret's value in the file", () => {
  const pasted = [
    "hf_abcDEF123456",
    "HF_TOKEN=abc",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "-----BEGIN",
  ];
  test.each(pasted)("%s is refused and not repeated", (value) => {
    const failure = failureOf(`name: demo\nsecrets: ["${value}"]\n`);
    expect(failure.message).toMatch(/runtime\.yaml:2:11: "secrets\[0\]"/);
    expect(JSON.stringify(failure.toBody())).not.toContain(value);
  });

  test("of a wrong type under env is not repeated", () => {
    const failure = failureOf("name: demo\nenv: { TOKEN: [hunter2] }\n");
    expect(failure.message).toContain(":2:15:");
    expect(JSON.stringify(failure.toBody())).not.toContain("hunter2");
  });
});
