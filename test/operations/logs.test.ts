import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogLine } from "../../src/protocol/log-views.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost();
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

type Query = Parameters<typeof read>[0];

async function read(input: {
  jobs?: number[];
  workers?: string[];
  daemon?: boolean;
  correlation?: string;
  [key: string]: unknown;
}): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of host.client.stream("GET /logs", input)) lines.push(line);
  return lines;
}

async function text(input: Query): Promise<string> {
  return (await read(input)).map((line) => line.text).join("");
}

async function finished(script: string, options: Parameters<Host["sh"]>[1] = {}): Promise<number> {
  const { id } = await host.sh(script, options);
  await host.until(id, "succeeded", "failed");
  return id;
}

describe("logs", () => {
  test("by expression: those lines that match, or those that do not, or the last of them", async () => {
    const job = await finished("seq 1 30; printf 'Last 7'");
    expect(await text({ jobs: [job], grep: "^[12]?7$" })).toBe("7\n17\n27\n");
    expect(await text({ jobs: [job], grep: "7", tail: 2 })).toBe("27\nLast 7");
    expect(await text({ jobs: [job], grep: "last", ignoreCase: true })).toBe("Last 7");
    expect(await text({ jobs: [job], grep: "\\d", invert: true })).toBe("");
    expect(await text({ jobs: [job], grep: "^\\d|L", invert: true, tail: 3 })).toBe("");
    expect(await text({ jobs: [job], grep: "nothing" })).toBe("");
  });

  test("an expression that would take for ever is given up, and the daemon goes on", async () => {
    const job = await finished(`printf '%s!\\n' ${"a".repeat(60)}`);
    const failure = await refusal("usage/invalid", read({ jobs: [job], grep: "^(a+)+$" }));
    expect(failure.message).toContain("takes too long");
    expect(await text({ jobs: [job], grep: "!$" })).toContain("aaa!");
  });

  test("by time: what was written since, and until", async () => {
    const go = join(host.home, "go-on");
    const { id } = await host.sh(`echo early; while [ ! -e ${go} ]; do sleep 0.02; done; echo late`);
    const { logPath } = await host.client.call("GET /jobs/:job", { job: id });
    const noted = await until("it is noted that the log grew", () => {
      const text = existsSync(`${logPath}.times`) ? readFileSync(`${logPath}.times`, "utf8") : "";
      return text.endsWith("\n") && text;
    });
    const atMs = Number(noted.split(" ")[0]);
    const after = new Date(atMs + 1).toISOString();
    expect(await text({ jobs: [id], since: after })).toBe("");
    writeFileSync(go, "");
    await host.until(id, "succeeded");
    expect(await text({ jobs: [id], since: after })).toBe("late\n");
    expect(await text({ jobs: [id], until: new Date(atMs).toISOString() })).toBe("early\n");
    expect(await text({ jobs: [id], since: "2020-01-01T00:00:00Z" })).toBe("early\nlate\n");
    const lines = await read({ jobs: [id], lines: true });
    expect(lines.map((line) => line.text)).toEqual(["early", "late"]);
    expect(Date.parse(lines[0]?.at ?? "")).toBe(atMs);
    expect(Date.parse(lines[1]?.at ?? "")).toBeGreaterThan(atMs);
  });

  test("of several: whole lines, each with its source", async () => {
    const [one, two] = [await finished("echo a; printf b"), await finished("echo c")];
    const job = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "hi" } });
    const { worker } = await host.until(job.id, "succeeded");
    const lines = await read({ jobs: [one, two, job.id], workers: [worker ?? ""], daemon: true });
    const by = (key: "job" | "source", value: unknown): string =>
      lines
        .filter((line) => line[key] === value)
        .map((line) => line.text)
        .join("");
    expect([by("job", one), by("job", two), by("job", job.id)]).toEqual(["a\nb", "c\n", "hears hi\n"]);
    expect(by("source", "daemon")).toContain('"msg":"ready"');
    expect(lines.find((line) => line.job === job.id)).toMatchObject({ worker, attempt: 1 });
  });

  test("of each attempt, and of all of them from a cursor on", async () => {
    const dir = mkdtempSync(join(tmpdir(), "orch-attempts-"));
    try {
      const mark = join(dir, "mark");
      const job = await finished(`echo try $ORCH_ATTEMPT; [ -e ${mark} ] || { touch ${mark}; exit 1; }`, {
        options: { retries: 1, retryDelayMs: 0 },
      });
      expect(await text({ jobs: [job] })).toBe("try 2\n");
      expect(await text({ jobs: [job], attempt: 1 })).toBe("try 1\n");
      expect(await text({ jobs: [job], resume: `${job}.1@4` })).toBe("1\ntry 2\n");
      const [line] = await read({ jobs: [job] });
      expect(line).toMatchObject({ attempt: 2, cursor: `${job}.2@6` });
      expect(await text({ jobs: [job], resume: `${job}.2@6` })).toBe("");
      expect((await refusal("usage/invalid", read({ jobs: [job], attempt: 3 }))).message).toContain(
        "no attempt 3",
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test.each([
    ["usage/invalid", {}, "no log is asked for"],
    ["usage/invalid", { daemon: true, grep: "(" }, "not a regular expression"],
    ["usage/invalid", { daemon: true, invert: true }, "no expression to match"],
    ["usage/invalid", { daemon: true, follow: true, until: "2026-01-01T00:00:00Z" }, "followed until"],
    ["usage/invalid", { daemon: true, resume: "nonsense" }, "not a cursor"],
    ["worker/unknown", { workers: ["nobody"] }, 'no worker "nobody"'],
    ["job/unknown", { jobs: [99_999] }, "no job 99999"],
    ["job/unknown", { correlation: "unheard-of" }, "no job bears"],
    ["request/malformed", { daemon: true, since: "soon" }, "since"],
    ["request/malformed", { daemon: true, grep: "x".repeat(1001) }, "grep"],
    ["request/malformed", { correlation: "a b" }, "correlation"],
  ] as const)("%s: %j", async (code, input, words) => {
    expect((await refusal(code, read(input as Query))).message).toContain(words);
  });
});

describe("a correlation id", () => {
  const post = (
    id: string,
    body: object,
  ): Promise<{ status: number; echoed: unknown; json: { id?: number } }> =>
    new Promise((resolve, reject) => {
      const headers = { "x-correlation-id": id, "content-type": "application/json" };
      const path = "/api/v1/jobs/run";
      const request = http.request(
        { socketPath: host.paths.socket, method: "POST", path, headers, agent: false },
        (response) => {
          let all = "";
          response.on("data", (chunk: Buffer) => {
            all += chunk.toString();
          });
          response.on("end", () => {
            const echoed = response.headers["x-correlation-id"];
            resolve({ status: response.statusCode ?? 0, echoed, json: JSON.parse(all) as { id?: number } });
          });
        },
      );
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
  const command = { command: ["sh", "-c", "echo $ORCH_CORRELATION"], cwd: "/", env: {} };

  test("comes with a header, and goes before none but the submission's own", async () => {
    const { status, echoed, json } = await post("req-17", command);
    expect([status, echoed]).toEqual([200, "req-17"]);
    await host.until(json.id ?? 0, "succeeded");
    expect(await text({ correlation: "req-17" })).toBe("req-17\n");
    const own = await post("req-18", { ...command, options: { correlation: "own" } });
    await host.until(own.json.id ?? 0, "succeeded");
    expect(await text({ jobs: [own.json.id ?? 0] })).toBe("own\n");
  });

  test("that is none is refused", async () => {
    expect((await post("two words", command)).status).toBe(400);
    expect((await post("x".repeat(129), command)).status).toBe(400);
    const options = { correlation: "-x" };
    expect((await refusal("request/malformed", host.sh("true", { options }))).message).toContain(
      "correlation",
    );
  });

  test("does not make the same submission another one", async () => {
    const submit = (correlation: string) =>
      host.client.call("POST /jobs/run", { ...command, idempotencyKey: "same", options: { correlation } });
    const first = await submit("call-1");
    const second = await submit("call-2");
    expect(second).toMatchObject({ id: first.id, isRepeat: true, correlation: "call-1" });
  });
});
