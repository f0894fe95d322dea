import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { IdentifyPeer } from "../../src/daemon/http/peer-credentials.ts";
import type { AnyOperation } from "../../src/daemon/http/router.ts";
import { startServer } from "../../src/daemon/http/server.ts";
import { admitOwner } from "../../src/daemon/users/admit.ts";
import type { Context } from "../../src/operations/context.ts";

export interface Served extends AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  /** What the server has logged. */
  readonly logged: string[];
}

/** The daemon's server with operations of the test's own, which need no context. */
export async function serve(
  operations: readonly unknown[],
  options: { identifyPeer?: IdentifyPeer | null; socket?: string } = {},
): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(), "orch-server-"));
  const socket = options.socket ?? join(dir, "orch.sock");
  const logged: string[] = [];
  const owner = { uid: process.getuid?.() ?? 0, user: "owner" };
  const starting = startServer({
    socket: { path: socket, gid: null },
    operations: operations as readonly AnyOperation[],
    ctx: {} as Context,
    identifyPeer: options.identifyPeer ?? null,
    owner,
    admit: admitOwner(owner),
    log: pino({ level: "trace" }, { write: (line: string) => void logged.push(line) }),
  });
  const removeDir = (): void => rmSync(dir, { recursive: true, force: true });
  const server = await starting.catch((error: unknown) => {
    removeDir();
    throw error;
  });
  return {
    dir,
    socket,
    logged,
    async [Symbol.asyncDispose]() {
      await server.close();
      removeDir();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The whole body as JSON. */
  readonly json: Record<string, unknown>;
  /** Code of the failure in the body. */
  readonly code: string | undefined;
}

/** One request, byte by byte as given, and its whole answer. */
export function send(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("error", reject);
      response.on("end", () => {
        const json = parse(text);
        const error = json["error"] as { code?: string } | undefined;
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, text, json, code: error?.code });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
