import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "../../src/std/clock.ts";

/** One message to a service manager. */
export interface Heard {
  /** Who sent it, as the kernel says. */
  readonly pid: number;
  readonly text: string;
  readonly atMs: number;
}

/** The socket of a service manager: Node has no datagram sockets of Unix, Python does. */
export interface NotifyReceiver extends AsyncDisposable {
  /** For NOTIFY_SOCKET. */
  readonly address: string;
  readonly heard: readonly Heard[];
}

const PROGRAM = `
import json, socket, struct, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = sys.argv[1]
server.bind("\\0" + address[1:] if address.startswith("@") else address)
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
print("listening", flush=True)
while True:
    data, ancillary, _, _ = server.recvmsg(65536, 64)
    pid = struct.unpack("iii", ancillary[0][2])[0]
    print(json.dumps({"pid": pid, "text": data.decode()}), flush=True)
`;

/** @param address an abstract one ("@name") instead of a path of its own */
export async function receiveNotices(address?: string): Promise<NotifyReceiver> {
  const dir = mkdtempSync(join(tmpdir(), "orch-notify-"));
  const at = address ?? join(dir, "notify");
  const child = spawn("python3", ["-c", PROGRAM, at], { stdio: ["ignore", "pipe", "inherit"] });
  const heard: Heard[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the receiver ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === "listening") return resolve();
      const { pid, text } = JSON.parse(line) as { pid: number; text: string };
      heard.push({ pid, text, atMs: systemClock.monotonicMs() });
    });
  });
  return {
    address: at,
    heard,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
