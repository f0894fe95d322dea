import Replicate from "replicate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../kit/until.ts";
import { type Served, serve } from "../openai/served.ts";
import { addWriter, type Gate, newGate } from "../openai/writer-runtime.ts";

let served: Served;
let url: string;
let key: string;

beforeAll(async () => {
  served = await serve();
  url = served.url;
  key = await served.makeKey("reader", "--scope", "submit,read");
  addWriter(served.host, "writer");
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

interface Read {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

/** The events of a prediction, until one is that is waited for. @param after id of the last that was read before */
async function read(
  id: string,
  prompt: string,
  { after = "", last = "completed", on = (_event: Read): void => {} } = {},
): Promise<Read[]> {
  const response = await fetch(`${url}/runtimes/writer/predictions/${id}`, {
    method: "PUT",
    headers: {
      ...{ authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...{ accept: "text/event-stream", ...(after === "" ? {} : { "last-event-id": after }) },
    },
    body: JSON.stringify({ input: { prompt } }),
  });
  const events: Read[] = [];
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString();
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, at, name, data] = /id: (.*)\nevent: (.*)\ndata: (.*)/.exec(block) ?? [];
      if (at === undefined || name === undefined) continue;
      const event = { id: at, name, data: JSON.parse(data ?? "") };
      events.push(event);
      on(event);
      // Whoever reads no more has hung up.
      if (name === last || event.data["chunk"] === last) return events;
    }
  }
  throw new Error(`the stream ended without ${last}: ${JSON.stringify(events)}`);
}

const openAt =
  (gate: Gate, chunk: string) =>
  ({ data }: Read): void => {
    if (data["chunk"] === chunk) gate.open();
  };

const outputsOf = (events: readonly Read[]): unknown[] =>
  events.filter(({ name }) => name === "output").map(({ data }) => [data["index"], data["chunk"]]);

const whole = [
  [0, "one "],
  [4, "two\n"],
  [8, "three"],
];

describe("a prediction whose handler writes a text", () => {
  it("tells it as it is written, and goes on behind whatever was read", async () => {
    const gate = newGate(served.host);
    const prompt = `wait=${gate.path}`;
    const events = await read("p1", prompt, { on: openAt(gate, "one ") });
    expect(outputsOf(events)).toEqual(whole);
    expect(events[0]?.name).toBe("start");
    expect(events.at(-1)?.data).toMatchObject({ status: "succeeded", logs: "one two\n" });
    for (const [index, { id, name }] of events.entries()) {
      if (name === "completed") continue;
      const rest = await read("p1", prompt, { after: id });
      const chunks = [...outputsOf(events.slice(0, index + 1)), ...outputsOf(rest)].map(
        (each) => (each as [number, string])[1],
      );
      expect(chunks.join(""), id).toBe("one two\nthree");
    }
  });

  it("goes on at another daemon, whose worker tells it all again", async () => {
    const gate = newGate(served.host);
    const prompt = `wait=${gate.path}`;
    const before = await read("p2", prompt, { last: "one " });
    await served.host.kill();
    await served.host.start();
    url = await until(
      "the gateway listens",
      async () => (await served.host.client.call("GET /keys", {})).gateway?.url ?? null,
    );
    gate.open();
    const after = await read("p2", prompt, { after: before.at(-1)?.id ?? "" });
    expect([...outputsOf(before), ...outputsOf(after)]).toEqual(whole);
  });

  it("has whole lines of it in the log while it runs", async () => {
    const gate = newGate(served.host);
    const { id: job } = await served.host.client.call("POST /jobs", {
      runtime: "writer",
      params: { prompt: `hold=${gate.path}` },
    });
    let log = "";
    for await (const { text } of served.host.client.stream("GET /jobs/:job/logs", { job, follow: true })) {
      log += text;
      if (log === "one two\n") gate.open();
    }
    expect(log).toBe("one two\n");
    expect((await served.host.until(job, "succeeded")).state).toBe("succeeded");
  });

  it("is written by a program of its own, too", async () => {
    const program = `
import os, time
from orch_sdk import job
with job() as ctx:
    ctx.write("one ")
    while not os.path.exists(ctx.params["gate"]):
        time.sleep(0.005)
    ctx.write("two")
`;
    served.host.addRuntime(
      "scribe",
      `name: scribe
protocol: exec
gpu: { count: 0 }
command: [python3, program.py]
params:
  gate: { type: string, required: true }
`,
      { "program.py": program },
    );
    const gate = newGate(served.host);
    const { id: job } = await served.host.client.call("POST /jobs", {
      runtime: "scribe",
      params: { gate: gate.path },
    });
    const pieces: unknown[] = [];
    for await (const line of served.host.client.stream("GET /follow", { jobs: [job], text: true })) {
      if (line.type !== "text") continue;
      pieces.push([line.attempt, line.at, line.text]);
      gate.open();
    }
    expect(pieces).toEqual([
      [1, 0, "one "],
      [1, 4, "two"],
    ]);
    expect(await served.host.client.call("GET /jobs/:job", { job })).toMatchObject({ output: "one two" });
  });

  it("for Replicate's client", async () => {
    const gate = newGate(served.host);
    const client = new Replicate({ auth: key, baseUrl: `${url}/replicate/v1` });
    const texts: string[] = [];
    for await (const { event, data } of client.stream("orch/writer", {
      input: { prompt: `wait=${gate.path}` },
    })) {
      if (event === "output") texts.push(data);
      if (data === "one ") gate.open();
    }
    expect(texts).toEqual(["one ", "two\n", "three"]);
  });
});
