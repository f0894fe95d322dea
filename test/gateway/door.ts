import http from "node:http";
import https from "node:https";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

/** One answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface Asking {
  readonly method?: string;
  /** With the query. */
  readonly path?: string;
  readonly key?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: unknown;
  /** Trusted for https. */
  readonly ca?: Buffer;
}

/** Asks the gateway at an address such as http://127.0.0.1:7707. */
export function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const { method = "GET", path = "/api/v1/jobs", key, body, ca } = asking;
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const headers = {
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(text === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    ...asking.headers,
  };
  const { request } = url.startsWith("https") ? https : http;
  return new Promise((resolve, reject) => {
    // The path as it is given: an address that is parsed has its dots resolved.
    const place = { hostname: new URL(url).hostname.replace(/[[\]]/g, ""), port: new URL(url).port, path };
    const asked = request({ ...place, method, headers, agent: false, ...(ca && { ca }) }, (response) => {
      let answer = "";
      response.on("data", (chunk: Buffer) => {
        answer += chunk.toString();
      });
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0 } = response;
        resolve({ status: statusCode, headers: response.headers, text: answer, json: parse(answer) });
      });
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** A config.yaml with the gateway on a free port of the loopback. */
export function writeConfig(home: OrchHome, more = ""): void {
  home.write("config.yaml", `gateway:\n  listen: 127.0.0.1:0\n${more}`);
}

/** Makes a key with `orch keys add -q`. */
export async function makeKey(home: OrchHome, name: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await home.orch(["keys", "add", "--name", name, "-q", ...flags]);
  if (code !== 0) throw new Error(`orch keys add ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** Where the gateway listens, once it does. */
export function urlOf(home: OrchHome): Promise<string> {
  return until("the gateway listens", async () => {
    const { gateway } = await home.client.call("GET /keys", {});
    return gateway?.url ?? null;
  });
}
