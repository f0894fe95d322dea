import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { listenOn } from "../../../src/daemon/http/listen-on.ts";
import { guardSocket } from "../../../src/daemon/http/socket-guard.ts";

let dir: string;
let server: http.Server;
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "orch-guard-"));
  server = http.createServer((_request, response) => response.end("here"));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

/** What is answered on the socket. */
async function ask(socketPath: string): Promise<string> {
  const socket = connect(socketPath);
  socket.end("GET / HTTP/1.1\r\nhost: orch\r\nconnection: close\r\n\r\n");
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(socket, "close");
  return text.split("\r\n\r\n")[1] ?? "";
}

it("makes a socket anew that was removed, again and again, and with its folder [fault 16]", async () => {
  const socketPath = path.join(dir, "run", "orch.sock");
  fs.mkdirSync(path.dirname(socketPath));
  await listenOn(server, { path: socketPath, gid: null });
  const guard = guardSocket(server, { path: socketPath, gid: null }, pino({ level: "silent" }));
  await guard.look();
  expect(await ask(socketPath)).toBe("here");
  for (const gone of [socketPath, socketPath, path.dirname(socketPath)]) {
    fs.rmSync(gone, { recursive: true });
    await expect(ask(socketPath)).rejects.toMatchObject({ code: "ENOENT" });
    await guard.look();
    expect(await ask(socketPath)).toBe("here");
    expect(fs.statSync(socketPath).mode & 0o777).toBe(0o600);
  }
  guard.close();
});

it("leaves alone what somebody else has put there", async () => {
  const socketPath = path.join(dir, "orch.sock");
  await listenOn(server, { path: socketPath, gid: null });
  const guard = guardSocket(server, { path: socketPath, gid: null }, pino({ level: "silent" }));
  fs.rmSync(socketPath);
  fs.writeFileSync(socketPath, "mine");
  await guard.look();
  expect(fs.readFileSync(socketPath, "utf8")).toBe("mine");
  guard.close();
});
