import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";
import { type AskBalancer, askBalancer, infer, writeBalancer, writeHandler, writeServer } from "./lb-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskBalancer;
beforeAll(async () => {
  home = createHome();
  writeServer(home, "gemma3");
  writeHandler(
    home,
    "qwen3",
    "  prompt: { type: string }\n",
    `        ctx.log("hears " + params["prompt"])
        return {"response": params["prompt"]}`,
  );
  writeBalancer(home, `      open: true\n      logDir: ${join(home.dir, "logs")}\n`);
  await home.daemon();
  asked = await askBalancer(home);
});
afterAll(() => home[Symbol.asyncDispose]());

const ask = (model: string, input: string, id: string) =>
  infer(asked, model, { input }, { "x-request-id": id });

/** The line of the gateway in the daemon's log. */
const audited = (id: string): Promise<unknown> =>
  until(`the daemon's log names ${id}`, () => {
    const lines = readFileSync(join(home.dir, "state", "daemon.log"), "utf8").split("\n");
    const line = lines.find((each) => each.includes(`"correlation":"${id}"`));
    return line === undefined ? null : (JSON.parse(line) as unknown);
  });

const balancerLog = (): Promise<string> => asked("/logs?lines=5000").then(({ text }) => text);

describe("the id of a request", () => {
  it("stands in the logs of the gateway, the balancer, the daemon's job and its handler", async () => {
    const answer = await ask("qwen3", "hello", "of-a-handler");
    expect([answer.status, answer.headers["x-correlation-id"]]).toEqual([200, "of-a-handler"]);
    expect(await audited("of-a-handler")).toMatchObject({ route: "POST /infer", status: 200 });
    expect(await balancerLog()).toContain('"correlation_id":"of-a-handler"');
    const { jobs } = await home.client.call("GET /jobs", { filter: "correlation = of-a-handler" });
    expect(jobs.map(({ runtime }) => runtime)).toEqual(["qwen3"]);
    const { stdout } = await home.orch(["logs", "--correlation", "of-a-handler", "--jsonl"]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual(
      expect.objectContaining({ text: "hears hello", correlation: "of-a-handler", worker: "qwen3-1" }),
    );
  });

  it("reaches a server and its log", async () => {
    const { json } = await ask("gemma3", "ids", "of-a-server");
    expect(JSON.parse(String(json["response"]))).toEqual(["of-a-server", "of-a-server"]);
    expect(await audited("of-a-server")).toMatchObject({ route: "POST /infer", status: 200 });
    const [worker] = (await home.client.call("GET /workers", {})).workers.filter(
      ({ runtime }) => runtime === "gemma3",
    );
    const { stdout } = await home.orch(["logs", worker?.name ?? ""]);
    expect(stdout).toContain('a request of ["of-a-server", "of-a-server"]');
  });

  it("stands in the logs of refusals as well", async () => {
    const answer = await ask("nobody", "x", "of-nobody");
    expect([answer.status, answer.headers["x-request-id"]]).toEqual([503, "of-nobody"]);
    expect(await audited("of-nobody")).toMatchObject({ status: 503 });
    expect(await balancerLog()).toContain('"correlation_id":"of-nobody"');
  });

  it("is sent back as it came, whatever it looks like; logs that take no such text have another one", async () => {
    const answer = await ask("qwen3", "hello", "#7;odd");
    expect([answer.status, answer.headers["x-request-id"]]).toEqual([200, "#7;odd"]);
    expect(await balancerLog()).toContain('"correlation_id":"#7;odd"');
    const made = String(answer.headers["x-correlation-id"]);
    expect(made).toMatch(/^lb-[0-9a-f]{32}$/);
    expect(await audited(made)).toMatchObject({ route: "POST /infer", status: 200 });
  });
});
