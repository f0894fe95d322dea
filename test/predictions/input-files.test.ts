import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import http, { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { query, useOrch } from "../e2e/session.ts";
import { ask, urlOf } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { type PredictionHome, startPredictions } from "./prediction-home.ts";

const createHome = useOrch();

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function predict(at: PredictionHome, image: unknown, path = "/runtimes/say/predictions") {
  return ask(at.url, { method: "POST", path, key: at.key, body: { input: { text: "sized", image } } });
}

/** A form as curl -F sends it, in pieces of so many bytes. */
function upload(
  at: PredictionHome,
  form: string | Buffer,
  pieceBytes: number,
  type = "multipart/form-data; boundary=b0",
): Promise<{ status: number; json: Record<string, unknown> }> {
  const { hostname, port } = new URL(at.url);
  const bytes = Buffer.from(form);
  return new Promise((resolve, reject) => {
    const asked = http.request(
      {
        hostname,
        port,
        method: "POST",
        path: "/replicate/v1/files",
        headers: { authorization: `Bearer ${at.key}`, "content-type": type },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as Record<string, unknown> }),
        );
      },
    );
    asked.on("error", reject);
    for (let from = 0; from < bytes.length; from += pieceBytes)
      asked.write(bytes.subarray(from, from + pieceBytes));
    asked.end();
  });
}

describe("files of callers who are elsewhere", () => {
  it("are fetched before there is a job, where orch goes; else nothing is asked and nothing is queued [fault 51]", async () => {
    await using home = createHome();
    let asked = 0;
    const inner = await serve((_request, response) => {
      asked += 1;
      response.end("secret");
    });
    const source = await serve((request, response) => {
      if (request.url === "/photo.png") response.end("x".repeat(1_000));
      else if (request.url === "/typed")
        response.writeHead(200, { "content-type": "image/png; q=1" }).end("12");
      else if (request.url === "/moved") response.writeHead(302, { location: `http://${inner}/` }).end();
      else if (request.url === "/packed.png")
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x"));
      else if (request.url === "/huge.png") response.writeHead(200, { "content-length": 2 ** 40 }).write("x");
      else if (request.url === "/cut.png")
        response.writeHead(200, { "content-length": 100 }).write("x", () => response.destroy());
      else response.writeHead(404).end();
    });
    const at = await startPredictions(home, [source]);
    expect((await predict(at, `http://${source}/photo.png`)).json["output"]).toEqual({
      text: "sized",
      bytes: 1_000,
    });
    expect((await predict(at, `http://${source}/typed`)).json["output"]).toEqual({ text: "sized", bytes: 2 });
    const api = await ask(at.url, {
      method: "POST",
      path: "/api/v1/jobs",
      key: at.key,
      body: { runtime: "say", params: { text: "a", image: `http://${source}/photo.png` } },
    });
    expect(api.status).toBe(200);
    const refused = [
      ...[
        `http://${inner}/photo.png`,
        "http://localhost/x.png",
        "http://169.254.169.254/latest/meta-data/x.png",
      ],
      ...["http://[::ffff:127.0.0.1]/x.png", "http://0x7f.1/x.png", `http://${source}\\@${inner}/x.png`],
      ...["moved", "packed.png", "huge.png", "cut.png", "none.png"].map((name) => `http://${source}/${name}`),
      ...[
        "/etc/hostname",
        "file:///etc/hostname",
        "../x.png",
        "data:image/png;base64,@@@@",
        "data:image/png;base64",
        "data:,%zz",
        7,
        ["x"],
      ],
      ...["data:application/pdf;base64,AAAA"],
    ];
    for (const image of refused) {
      const { status, json } = await predict(at, image);
      expect({ image, status }).toEqual({ image, status: 422 });
      expect(JSON.stringify(json["detail"])).toContain("image");
    }
    expect(asked).toBe(0);
    expect(query(home, "SELECT count(*) AS jobs FROM jobs")).toEqual([{ jobs: 3 }]);
    expect(
      readdirSync(join(home.dir, "state", "inputs"), { recursive: true }).filter((name) =>
        String(name).endsWith(".part"),
      ),
    ).toEqual([]);
  });

  it("come so many at once, and leave no room taken when they break off", async () => {
    await using home = createHome();
    let waiting = 0;
    const source = await serve((_request, response) => {
      waiting += 1;
      response.writeHead(200, { "content-length": 100 }).write("x");
    });
    const at = await startPredictions(home, [source]);
    const stop = new AbortController();
    const asked = Array.from({ length: 16 }, (_, index) =>
      fetch(`${at.url}/runtimes/say/predictions`, {
        ...{ method: "POST", signal: stop.signal },
        headers: { authorization: `Bearer ${at.key}`, "content-type": "application/json" },
        body: JSON.stringify({ input: { text: "a", image: `http://${source}/${index}.png` } }),
      }).catch(() => "gone"),
    );
    await until("all are on their way", () => waiting === 16);
    const more = await predict(at, `http://${source}/more.png`);
    expect({ status: more.status, waiting }).toEqual({ status: 429, waiting: 16 });
    stop.abort();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["gone"]));
    const again = await until("there is room again", async () => {
      const { status } = await predict(at, "data:image/png;base64,AAAA");
      return status === 429 ? null : status;
    });
    expect(again).toBe(200);
    expect(query(home, "SELECT count(*) AS jobs FROM jobs")).toEqual([{ jobs: 1 }]);
  });

  it("are uploaded in whatever pieces a form comes", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const content = Buffer.concat([
      Buffer.from("\r\n--b\r\n--b1--"),
      Buffer.alloc(5_000, 7),
      Buffer.from("\r\n-"),
    ]);
    const field = (name: string, more = ""): string =>
      `--b0\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`;
    const form = Buffer.concat([
      Buffer.from(
        `${field("metadata")}\r\n{}\r\n${field("content", '; filename="a.png"')}Content-Type: image/png\r\n\r\n`,
      ),
      content,
      Buffer.from("\r\n--b0--\r\n"),
    ]);
    const sha256 = createHash("sha256").update(content).digest("hex");
    for (const pieceBytes of [1, 7, 1_000, 100_000]) {
      const { status, json } = await upload(at, form, pieceBytes);
      expect({ status, json }).toMatchObject({
        status: 201,
        json: { id: `${sha256}.png`, size: content.length, content_type: "image/png" },
      });
    }
    const spoilt: [string, string?][] = [
      ["", "multipart/form-data"],
      ["{}", "application/json"],
      ["--b0--\r\n"],
      [`${field("other")}\r\nx\r\n--b0--\r\n`],
      [`${field("content")}\r\nno end`],
      ["x".repeat(100_000)],
      [`--b0\r\n${"x".repeat(20_000)}`],
    ];
    for (const [text, type] of spoilt)
      expect((await upload(at, text, 1_000, type)).status, text.slice(0, 40)).toBe(400);
    const stored = join(home.dir, "state", "inputs", String(process.getuid?.()));
    expect(readdirSync(stored)).toEqual([`${sha256}.png`]);
    expect(statSync(join(stored, `${sha256}.png`)).mode & 0o777).toBe(0o600);
    expect((await predict(at, `${at.url}/replicate/v1/files/${sha256}.png`)).json["output"]).toMatchObject({
      bytes: content.length,
    });
    for (const id of ["x", "../../../etc/hostname", "%2e%2e%2f", "0".repeat(64)])
      expect((await predict(at, `${at.url}/replicate/v1/files/${id}`)).status).toBe(422);
  });

  it("are removed a week after their last use, but for those that a job waits with", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const waiting = await ask(at.url, {
      ...{ method: "POST", path: "/api/v1/jobs", key: at.key },
      body: {
        runtime: "say",
        params: { text: "a", image: "data:image/png;base64,AAAA" },
        options: { hold: true },
      },
    });
    const { params } = await home.client.call("GET /jobs/:job", { job: Number(waiting.json["id"]) });
    const used = String(params["image"]);
    await predict(at, "data:image/png;base64,BBBB");
    const dir = join(home.dir, "state", "inputs", String(process.getuid?.()));
    const [left] = readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((file) => file !== used);
    const old = Date.now() / 1000 - 8 * 86_400;
    for (const file of [used, left ?? ""]) utimesSync(file, old, old);
    at.daemon.signal("SIGTERM");
    await at.daemon.ended;
    await home.daemon();
    await until("the one is gone", () => !existsSync(left ?? ""));
    expect(existsSync(used)).toBe(true);
    await urlOf(home);
  });
});
