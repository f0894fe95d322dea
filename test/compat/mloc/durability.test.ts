import { appendFileSync, readdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRng } from "../../../src/std/rng.ts";
import { documentOf, startMloc } from "./mloc-home.ts";

/** Notes what is sent to it; refuses the first so many requests. */
async function receiver(refusals = 0) {
  const got: { url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  let left = refusals;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      got.push({
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("latin1"),
      });
      left -= 1;
      response.writeHead(left >= 0 ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { got, port, url: `http://127.0.0.1:${port}/in`, [Symbol.dispose]: () => void server.close() };
}

describe("tasks outlive the daemon", () => {
  it("goes on with a graph in the middle, and does nothing twice", async () => {
    await using home = await startMloc();
    const id = await home.submit(
      documentOf(
        "inference",
        `  model: speaker
  stages:
    - { name: a, spec: { data: { items: [begin] } } }
    - { name: b, spec: { data: { items: ["hold \${a.result.items.0.output}"] } } }
    - { name: c, spec: { data: { items: ["then \${b.result.items.0.output}"] } } }
`,
      ),
    );
    await home.over(id);
    const { text } = await home.ask("GET", "/api/v1/tasks");
    const [c = "", b = ""] = (JSON.parse(text) as { task_id: string }[]).map((each) => each.task_id);
    await expect
      .poll(async () => (await home.ask("GET", `/api/v1/tasks/${b}`)).json["status"], { timeout: 20_000 })
      .toBe("DISPATCHED");
    expect((await home.ask("GET", `/api/v1/tasks/${c}`)).json).toMatchObject({
      status: "WAITING",
      pending_dependencies: [b],
    });
    await home.host.kill();
    await home.host.start();
    expect((await home.ask("GET", `/api/v1/tasks/${b}`)).json["status"]).toBe("DISPATCHED");
    writeFileSync(join(home.host.home, "runtimes", "speaker", "go"), "");
    expect((await home.result(c))["result"]).toMatchObject({ items: [{ output: "THEN HOLD BEGIN" }] });
    expect((await home.host.client.call("GET /jobs", {})).total, "one job for each stage").toBe(3);
  });

  it("does everything once, whenever it is killed", async () => {
    await using home = await startMloc();
    const names = ["a", "b", "c", "d", "e", "f"];
    const nodes = names.map((name, at) => {
      const before = names[at - 1];
      const text = before === undefined ? "begin" : `\${${before}.result.items.0.output}+`;
      return `    - { name: ${name}, spec: { data: { items: ["${text}", side] } } }`;
    });
    await home.submit(documentOf("inference", `  model: speaker\n  stages:\n${nodes.join("\n")}\n`));
    const rng = createRng(7);
    for (let round = 0; round < 4; round += 1) {
      await sleep(rng.below(120));
      await home.host.kill();
      await home.host.start();
    }
    const { text } = await home.ask("GET", "/api/v1/tasks");
    const [last] = JSON.parse(text) as { task_id: string }[];
    expect((await home.result(last?.task_id ?? ""))["result"]).toMatchObject({
      items: [{ output: "BEGIN+++++" }, {}],
    });
    expect((await home.host.client.call("GET /jobs", {})).total, "two for each stage").toBe(12);
  }, 60_000);

  it("begins what was taken in and not begun", async () => {
    await using home = await startMloc();
    const gpu = documentOf("echo").replace("memory: 1Gi", "memory: 1Gi, gpu: { count: 2, type: any }");
    const id = await home.submit(gpu);
    const done = await home.submit(documentOf("echo"));
    await home.over(done);
    await home.host.kill();
    await home.host.start();
    expect((await home.ask("GET", `/api/v1/tasks/${id}`)).json["status"]).toBe("PENDING");
    expect((await home.result(done))["task_id"]).toBe(done);
  });
});

describe("what is over and old", () => {
  it("is removed with its files where the config says after how long, and nothing else", async () => {
    await using home = await startMloc();
    const id = await home.submit(
      documentOf("echo", "  output: { destination: { type: local, path: mine } }\n"),
    );
    await home.result(id);
    await home.ask("POST", "/api/v1/results", { body: { task_id: "sent", result: 1 } });
    const waits = documentOf("echo").replace("memory: 1Gi", "memory: 1Gi, gpu: { count: 9, type: any }");
    const live = await home.submit(waits);
    await home.host.kill();
    const results = join(home.host.paths.stateDir, "results");
    expect(readdirSync(join(results, "mine"))).toEqual([id]);
    appendFileSync(home.host.paths.configFile, "tasks: { keep: 1ms }\n");
    await home.host.start();
    await expect.poll(async () => (await home.ask("GET", `/api/v1/tasks/${id}`)).status).toBe(404);
    await expect.poll(async () => (await home.ask("GET", "/api/v1/results/sent")).status).toBe(404);
    expect([readdirSync(join(results, "mine")), readdirSync(results)]).toEqual([[], ["mine"]]);
    expect((await home.ask("GET", `/api/v1/tasks/${live}`)).json["status"]).toBe("PENDING");
  });
});

describe("orch prune --tasks", () => {
  it("removes what was over before then with its results, of a document all or nothing; a dry run says what", async () => {
    await using home = await startMloc(
      "open: true",
      "tasks: { runtimes: { inference: { '*': speaker } } }\n",
    );
    const done = await home.submit(documentOf("echo"));
    await home.result(done);
    const bad = `{ name: bad, spec: { url: "\${good.result.none}" } }`;
    const failing = `  stages:\n    - { name: good, spec: {} }\n    - ${bad}\n`;
    const failed = await home.submit(documentOf("echo", failing));
    await home.over(failed);
    await expect.poll(async () => (await home.ask("GET", "/metrics")).text).toContain('"tasks_failed":1');
    await home.ask("POST", "/api/v1/results", { body: { task_id: "sent", result: 1 } });
    const waits = documentOf("echo").replace("memory: 1Gi", "memory: 1Gi, gpu: { count: 9, type: any }");
    const live = await home.submit(waits);
    const prune = async (...args: string[]) => {
      const { code, stdout, stderr } = await home.host.cli("prune", "--tasks", "--older-than", "0s", ...args);
      return code === 0 ? (JSON.parse(stdout) as object) : stderr;
    };
    const status = async (id: string) => (await home.ask("GET", `/api/v1/tasks/${id}`)).status;
    expect(await prune("--json", "--dry-run")).toMatchObject({ tasks: 3, results: 3, more: false });
    expect(await prune("--json", "--dry-run", "--state", "failed")).toMatchObject({ tasks: 2, results: 1 });
    expect(await prune("--json", "--dry-run", "--state", "done")).toMatchObject({ tasks: 1, results: 2 });
    expect(await prune(), "nobody can be asked").toContain("look with --dry-run");
    expect(await prune("--runtime", "speaker", "--yes")).toContain(
      "--tasks and --runtime do not go together",
    );
    expect(await prune("--state", "cancelled", "--yes")).toContain('no task is "cancelled"');
    expect(await Promise.all([status(done), status(failed)]), "nothing is gone yet").toEqual([200, 200]);

    expect(await prune("--json", "--state", "failed", "--yes")).toMatchObject({ tasks: 2, results: 1 });
    expect(await Promise.all([status(done), status(failed)])).toEqual([200, 404]);
    const rest = (await prune("--json", "--yes")) as { bytes: number };
    expect(rest).toMatchObject({ tasks: 1, results: 2, more: false });
    expect(rest.bytes).toBeGreaterThan(0);
    expect([await status(done), (await home.ask("GET", "/api/v1/results/sent")).status]).toEqual([404, 404]);
    expect(readdirSync(join(home.host.paths.stateDir, "results"))).toEqual([]);
    expect((await home.ask("GET", `/api/v1/tasks/${live}`)).json["status"]).toBe("PENDING");
    expect(await prune("--json", "--yes")).toEqual({ tasks: 0, results: 0, bytes: 0, more: false });
  });
});

describe("results are delivered", () => {
  const to = (url: string, more = ""): string =>
    `  output: { destination: { type: http, url: "${url}", headers: { X-Run: "7" }${more} } }\n`;

  it("to hosts that may have them, with their files, and again when they are refused", async () => {
    using inbox = await receiver(1);
    await using home = await startMloc(
      "open: true",
      `tasks: { runtimes: { sft: trainer }, deliverTo: ["127.0.0.1:${inbox.port}"] }\n`,
    );
    const id = await home.submit(documentOf("sft", to(inbox.url)));
    await home.over(id);
    const [refused, taken, file] = inbox.got;
    expect(refused?.body).toBe(taken?.body);
    expect(taken?.headers).toMatchObject({ "x-run": "7", "content-type": "application/json" });
    expect(taken?.headers["authorization"], "without a token").toBe(undefined);
    expect(JSON.parse(taken?.body ?? "")).toMatchObject({
      task_id: id,
      worker_id: "trainer-1",
      result: { training_successful: true },
    });
    expect(file?.url).toBe(`/in/${id}/files`);
    expect(file?.body).toContain('name="file"; filename="adapter.bin"');
    expect(file?.body).toContain("weights of sft");
  });

  it("to this daemon itself whatever port the document names, of those that are its own", async () => {
    await using home = await startMloc();
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const addresses = own.filter(({ family }) => family === "IPv4").map(({ address }) => address);
    for (const host of ["localhost", "127.0.0.1", hostname(), ...addresses.slice(0, 2)]) {
      const id = await home.submit(documentOf("echo", to(`http://${host}:8000/api/v1/results`)));
      expect((await home.result(id))["result"]).toMatchObject({ ok: true });
    }
  });

  it("nowhere else: documents that name another host are refused", async () => {
    using inbox = await receiver();
    await using home = await startMloc();
    for (const url of [
      inbox.url,
      "http://169.254.169.254/latest",
      "file:///etc/passwd",
      "http://localhost:8000/other",
    ]) {
      const { status, json } = await home.ask("POST", "/api/v1/tasks", {
        body: documentOf("echo", to(url)),
        headers: { "content-type": "" },
      });
      expect([status, String(json["detail"])]).toEqual([
        400,
        expect.stringContaining("spec.output.destination.url"),
      ]);
    }
    // What an earlier stage says is looked at when it is known.
    const sly = documentOf(
      "echo",
      `  stages:
    - { name: a, spec: { url: "${inbox.url}" } }
    - { name: b, spec: { output: { destination: { type: http, url: "\${a.result.echo.url}" } } } }
`,
    );
    const id = await home.submit(sly);
    await home.over(id);
    const { text } = await home.ask("GET", "/api/v1/tasks");
    const [b] = JSON.parse(text) as { task_id: string }[];
    expect((await home.over(b?.task_id ?? ""))["error"]).toContain("results may not be sent to 127.0.0.1");
    expect(inbox.got).toEqual([]);
  });
});
