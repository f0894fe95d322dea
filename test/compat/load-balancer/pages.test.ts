import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogFiles } from "../../../src/gateway/compat/load-balancer/log-files.ts";
import { useOrch } from "../../e2e/session.ts";
import { need } from "../../kit/need.ts";
import { answerJson, type OddServer, startOddServer } from "../../kit/odd-server.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { newFolder } from "../../kit/service-run.ts";
import { type AskBalancer, askBalancer, infer, sentIn, writeBalancer, writeServer } from "./lb-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskBalancer;
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const hasPoppler = (): boolean => {
  try {
    execFileSync("pdftoppm", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
let pictures: OddServer;

beforeAll(async () => {
  pictures = await startOddServer(({ path }, response) => {
    if (path === "/a.png") response.writeHead(200, { "content-type": "image/png" }).end(PNG);
    else answerJson(response, {}, 404);
  });
  home = createHome();
  writeServer(home, "gemma3");
  for (const folder of ["media/sub", "other"]) mkdirSync(join(home.dir, folder), { recursive: true });
  for (const path of ["media/a.png", "media/sub/b.png", "other/secret.png"])
    writeFileSync(join(home.dir, path), PNG);
  symlinkSync(join(home.dir, "other/secret.png"), join(home.dir, "media/link.png"));
  const { host } = new URL(pictures.endpoint);
  writeBalancer(
    home,
    `      open: true
      logDir: ${join(home.dir, "logs")}
      mediaDirs: [${join(home.dir, "media")}]
      mediaHosts: ["${host}"]
`,
  );
  await home.daemon();
  asked = await askBalancer(home);
});
afterAll(async () => {
  await pictures[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

describe("pictures", () => {
  const see = (image: unknown, pdf_page?: number) =>
    infer(asked, "gemma3", { input: "see", images: [image], pdf_page });
  const seen = (answer: Awaited<ReturnType<typeof see>>): Buffer => {
    const content = sentIn(answer).messages[0]?.content as { image_url?: { url: string } }[];
    return Buffer.from(content[0]?.image_url?.url.split(",")[1] ?? "", "base64");
  };

  it("are read from the allowed folder, by a path in it or from it", async () => {
    for (const path of ["a.png", "sub/b.png", join(home.dir, "media/a.png")])
      expect(seen(await see(path)), path).toEqual(PNG);
  });

  it.each([
    "../other/secret.png",
    "link.png",
    "/etc/passwd",
    "none.png",
    "sub",
    "../../../../etc/hostname",
    "",
  ])("are not read from elsewhere: %j", async (path) => {
    const { status, json } = await see(path);
    expect(status).toBe(400);
    expect(json["detail"]).toMatch(/^images\[0\] cannot be read: /);
  });

  it("are fetched from allowed hosts, and from no others", async () => {
    expect(seen(await see(`${pictures.endpoint}/a.png`))).toEqual(PNG);
    expect((await see(`${pictures.endpoint}/b.png`)).json["detail"]).toContain("answered 404");
    for (const url of [
      "http://127.0.0.1:1/a.png",
      "http://169.254.169.254/latest",
      "https://example.org/a.png",
    ])
      expect((await see(url)).json["detail"], url).toBe(
        "images[0] cannot be read: its host is not among mediaHosts",
      );
  });

  it("that are no base64, or nothing, are named", async () => {
    for (const image of [{ data: "***" }, { data: "" }, {}, 7, null, "data:image/png;base64,!!"])
      expect((await see(image)).status, JSON.stringify(image)).toBe(400);
  });

  it.skipIf(!need("pdftoppm (poppler-utils)", hasPoppler()))("of a PDF are one page of it", async () => {
    const pdf = { data: Buffer.from(twoPages()).toString("base64") };
    const [first, second, beyond] = [seen(await see(pdf)), seen(await see(pdf, 1)), seen(await see(pdf, 9))];
    expect(first.subarray(1, 4).toString()).toBe("PNG");
    expect(second.equals(first), "another page is another picture").toBe(false);
    expect(beyond.equals(first), "a page that is not there is the first").toBe(true);
    const broken = await see({ data: Buffer.from("%PDF-1.4 no more").toString("base64") });
    expect(broken.json["detail"]).toBe("images[0] cannot be read: it is no sound PDF");
  });
});

/** A PDF with an upright page and a wide one. */
function twoPages(): string {
  const page = (box: string): string => `<</Type/Page/Parent 2 0 R/MediaBox[${box}]>>`;
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
    page("0 0 20 40"),
    page("0 0 40 20"),
  ];
  return `%PDF-1.4\n${objects.map((text, at) => `${at + 1} 0 obj${text}endobj\n`).join("")}trailer<</Root 1 0 R/Size 5>>\n%%EOF`;
}

describe("the log", () => {
  const LONG = "y".repeat(2000);

  it("has records on one line each, compact, in the balancer's file and the worker's", async () => {
    await infer(
      asked,
      "gemma3",
      { input: LONG, session_id: "s9", images: [{ data: PNG.toString("base64") }] },
      { "x-request-id": "id-of-mine" },
    );
    await infer(asked, "nobody", { input: "x" }, { "x-request-id": "lost-one" });
    const text = (await asked("/logs?kind=balancer&lines=5000")).text;
    const mine = text.split("\n").filter((line) => line.includes('"correlation_id":"id-of-mine"'));
    expect(mine.map((line) => JSON.parse(line).event)).toEqual([
      "request_received",
      "dispatched",
      "request_completed",
    ]);
    const [received, , completed] = mine.map((line) => JSON.parse(line));
    expect(completed).toMatchObject({
      ...{ ts: expect.stringMatching(/Z$/), level: "INFO", logger: "load_balancer", msg: expect.any(String) },
      ...{ role: "balancer", service: "load-balancer", worker_id: "0", model: "gemma3", session_id: "s9" },
      ...{ path: "/infer", method: "POST", status_code: 200, client_ip: "127.0.0.1" },
      ...{ duration_s: expect.any(Number), duration_ms: expect.any(Number) },
    });
    expect(received.input.images, "media are left out").toBe("[redacted]");
    expect(received.input.input).toHaveLength("... (2000 characters)".length + 1500);
    const file = readFileSync(join(home.dir, "logs", "load_balancer.jsonl"), "utf8");
    expect(file).toBe(text);
    expect(readdirSync(join(home.dir, "logs"))).toContain("worker_0_gemma3.jsonl");
    expect((await asked("/logs?kind=worker&worker_id=0")).text).toContain('"correlation_id":"id-of-mine"');
  });

  it.each([
    ["/logs?kind=worker", 400, "worker_id is required for kind=worker"],
    ["/logs?kind=worker&worker_id=77", 404, "Worker 77 not found"],
    ["/logs?kind=worker&worker_id=x", 404, "Worker x not found"],
    ["/logs?kind=other", 400, "Invalid kind. Use 'balancer' or 'worker'."],
    ["/nothing", 404, "there is no GET /nothing"],
    ["/logs_json?kind=other", 400, "Invalid kind. Use 'balancer' or 'worker'."],
  ])("%s is %i %s", async (path, status, detail) => {
    expect(await asked(path)).toMatchObject({ status, json: { detail } });
  });

  it("is given as records that meet filters, each with its line and place", async () => {
    const look = async (query: string) =>
      (await asked(`/logs_json?${query}`)).json as {
        items: Record<string, unknown>[];
        count: number;
        path: string;
      };
    const all = await look("");
    expect(all.path).toBe(join(home.dir, "logs", "load_balancer.jsonl"));
    expect(all.count).toBe(all.items.length);
    expect(all.items.map(({ _line_no }) => _line_no)).toEqual(all.items.map((_, at) => at + 1));
    expect(all.items[0]?.["_k"]).toBe("load_balancer.jsonl:1");
    expect((await look("corr=id-of")).count).toBe(3);
    expect((await look("event=dispatched&corr=id-of-mine")).count).toBe(1);
    expect((await look("event=dispatch")).count, "events match whole").toBe(0);
    expect((await look("level=ERROR&corr=lost-one")).items).toMatchObject([{ status_code: 503 }]);
    expect((await look("q=no+workers+available")).count).toBe(1);
    expect((await look("corr=id-of-mine&lines=1")).count, "filters apply within the last lines").toBe(0);
  });

  it("that is not there yet is said, with 200", async () => {
    await using empty = createHome();
    writeServer(empty, "gemma3");
    writeBalancer(empty, "      open: true\n");
    await empty.daemon();
    const ask = await askBalancer(empty);
    expect(await ask("/logs")).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^Log file not found: /),
    });
    expect((await ask("/logs")).headers["content-type"]).toMatch(/^text\/plain/);
    expect((await ask("/logs?kind=worker&worker_id=0")).text).toMatch(/^Log file not found: /);
  });

  it("is rotated, and ten backups of it are kept", async () => {
    const folder = newFolder();
    const files = createLogFiles({ log: { audit() {}, warn() {}, error() {} } }, async () => folder, 1_000);
    for (let number = 0; number < 200; number += 1) {
      files.write("a.jsonl", { number, text: "x".repeat(80) });
      await files.settled();
    }
    const names = readdirSync(folder).sort();
    expect(names).toEqual(["a.jsonl", ...Array.from({ length: 10 }, (_, at) => `a.jsonl.${at + 1}`)].sort());
    const numbers = [
      ...names.filter((name) => name !== "a.jsonl").sort((a, b) => Number(b.slice(8)) - Number(a.slice(8))),
      "a.jsonl",
    ]
      .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"))
      .map((line) => JSON.parse(line).number as number);
    expect(numbers.at(-1)).toBe(199);
    expect(numbers, "no line is lost or doubled").toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at));
  });
});

describe("the pages", () => {
  it("say who is there", async () => {
    const { text } = await asked("/");
    expect(text).toBe('{"service":"Multi-Model Load Balancer","status":"running"}');
  });

  it("have a dashboard that needs nothing from elsewhere, and may run nothing else", async () => {
    const { status, headers, text } = await asked("/dashboard");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';/,
    );
    expect(policy).not.toContain("unsafe");
    expect(text).not.toMatch(/(src|href)=/);
    for (const word of ["totals", "models", "workers", "log", "IDLE", "BUSY", "OVERCHARGED"])
      expect(text).toContain(word);
  });
});
