import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

/**
 * Whether a connection over the loopback comes from a program of this user, or of root, which may pass it on. One from
 * elsewhere is not looked at: who is at its other end, this host does not know.
 */
export async function isFromUser(socket: Socket, uid: number): Promise<boolean> {
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  if (!address.startsWith("127.") && address !== "::1") return true;
  const tables = await Promise.all(["tcp", "tcp6"].map(readTable));
  const { remotePort, localPort } = socket;
  const owners = tables.flatMap((text) => ownersIn(text, remotePort ?? 0, localPort ?? 0));
  return owners.length > 0 && owners.every((owner) => owner === uid || owner === 0);
}

async function readTable(name: string): Promise<string> {
  return readFile(`/proc/self/net/${name}`, "utf8").catch(() => "");
}

/** Uids of established connections between these ports; the table's columns are in proc_pid_net(5). */
function ownersIn(table: string, fromPort: number, toPort: number): number[] {
  const from = `:${hexPort(fromPort)}`;
  const to = `:${hexPort(toPort)}`;
  return table.split("\n").flatMap((line) => {
    const [, local = "", remote = "", state, , , , uid] = line.trim().split(/\s+/);
    return local.endsWith(from) && remote.endsWith(to) && state === "01" ? [Number(uid)] : [];
  });
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
