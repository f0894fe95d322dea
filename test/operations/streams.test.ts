import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost();
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

async function all<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

/** A command that prints the lines of a file as they come, and ends with the line "end". */
async function startPrinter(name: string) {
  const file = join(host.home, name);
  writeFileSync(file, "");
  const script = `tail -f ${file} | while read -r line; do [ "$line" = end ] && exit 0; echo "$line"; done`;
  const job = await host.sh(script);
  await host.until(job.id, "running");
  return { job, print: (text: string) => appendFileSync(file, `${text}\n`) };
}

describe("logs", () => {
  test("of a finished job, whole or the last lines", async () => {
    const job = await host.sh("seq 1 5");
    await host.until(job.id, "succeeded");
    const read = async (input: { tail?: number; follow?: boolean }): Promise<string> => {
      const lines = await all(host.client.stream("GET /jobs/:job/logs", { job: job.id, ...input }));
      return lines.map(({ text }) => text).join("");
    };
    expect(await read({})).toBe("1\n2\n3\n4\n5\n");
    expect(await read({ tail: 2 })).toBe("4\n5\n");
    expect(await read({ tail: 0 })).toBe("");
    expect(await read({ follow: true }), "a finished job is not followed for ever").toBe("1\n2\n3\n4\n5\n");
  });

  test("of a running job, followed to its end", async () => {
    const { job, print } = await startPrinter("followed");
    let text = "";
    let printed = 0;
    print("line 0");
    for await (const line of host.client.stream("GET /jobs/:job/logs", { job: job.id, follow: true })) {
      text += line.text;
      if (text.split("\n").length - 1 <= printed) continue;
      printed += 1;
      print(printed < 4 ? `line ${printed}` : "end");
    }
    expect(text).toBe("line 0\nline 1\nline 2\nline 3\n");
    expect((await host.until(job.id, "succeeded")).exitCode).toBe(0);
  });

  test("of an unknown job are refused before the stream begins", async () => {
    await refusal("job/unknown", all(host.client.stream("GET /jobs/:job/logs", { job: 99_999 })));
  });
});

describe("follow", () => {
  test("tells states, progress and log of a job, and `end` last", async () => {
    const job = await host.client.call("POST /jobs", {
      runtime: "echo",
      params: { text: "hi", seconds: 0.3 },
    });
    const lines = await all(host.client.stream("GET /follow", { jobs: [job.id], logs: true }));
    const states = lines.flatMap((line) => (line.type === "job" ? [line.job.state] : []));
    expect(states.at(-1)).toBe("succeeded");
    expect(states).toContain("running");
    expect(lines).toContainEqual({ type: "progress", job: job.id, fraction: 0.5, text: "half way" });
    const text = lines.flatMap((line) => (line.type === "log" ? [line.text] : [])).join("");
    expect(text).toContain("hears hi");
    expect(lines.at(-1)).toEqual({ type: "end" });
    expect(lines.at(-2), "the log is told before the end of its job").toMatchObject({ type: "job" });
  });

  test("of several jobs ends with the last of them", async () => {
    const jobs = [await host.sh("true"), await host.sh("exit 1"), await host.sh("true")];
    const ids = jobs.map(({ id }) => id);
    const lines = await all(host.client.stream("GET /follow", { jobs: ids }));
    const last = new Map(
      lines.flatMap((line) => (line.type === "job" ? [[line.job.id, line.job.state]] : [])),
    );
    expect([...last.values()].toSorted()).toEqual(["failed", "succeeded", "succeeded"]);
    expect(lines.at(-1)).toEqual({ type: "end" });
    expect(lines.filter(({ type }) => type === "end").length).toBe(1);
  });

  test("of finished jobs, and of none, ends at once", async () => {
    const job = await host.sh("true");
    await host.until(job.id, "succeeded");
    const lines = await all(host.client.stream("GET /follow", { jobs: [job.id] }));
    expect(lines).toMatchObject([{ type: "job", job: { state: "succeeded" } }, { type: "end" }]);
    expect(await all(host.client.stream("GET /follow", { jobs: [] }))).toEqual([{ type: "end" }]);
  });

  test("of an unknown job is refused", async () => {
    await refusal("job/unknown", all(host.client.stream("GET /follow", { jobs: [1, 99_999] })));
  });
});

describe("events", () => {
  test("are numbered without gaps, and a stream can be resumed after any of them", async () => {
    const job = await host.sh("true");
    await host.until(job.id, "succeeded");
    const whole = await all(host.client.stream("GET /events", { after: 0 }));
    expect(whole.length).toBeGreaterThan(5);
    expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, index) => index + 1));
    const middle = whole[3]?.seq ?? 0;
    expect(await all(host.client.stream("GET /events", { after: middle }))).toEqual(whole.slice(4));
    expect(await all(host.client.stream("GET /events", { limit: 2 }))).toEqual(whole.slice(-2));
    expect(await all(host.client.stream("GET /events", { limit: 0 }))).toEqual([]);
  });

  test("are followed as they happen, until the reader leaves", async () => {
    const stop = new AbortController();
    const after = (await all(host.client.stream("GET /events", { limit: 1 })))[0]?.seq ?? 0;
    const stream = host.client.stream("GET /events", { follow: true, after }, { signal: stop.signal });
    const job = await host.sh("true");
    const types: string[] = [];
    for await (const event of stream) {
      if (event.job === job.id) types.push(event.type);
      if (event.type === "job-succeeded") stop.abort();
    }
    expect(types[0]).toBe("job-submitted");
    expect(types.at(-1)).toBe("job-succeeded");
  });
});
