import type { Connection } from "./connection.ts";
import type { Daemon } from "./daemon.ts";

/**
 * Has `count` clients send one request after the other until `total` have been answered.
 * @returns answers per second, and how long each took in milliseconds.
 */
export async function driveClients(
  daemon: Daemon,
  { count, total, request }: { count: number; total: number; request: Buffer },
): Promise<{ perSecond: number; latenciesMs: readonly number[] }> {
  const connections = await Promise.all(Array.from({ length: count }, () => daemon.connect()));
  const latenciesMs: number[] = [];
  let left = total;
  const drive = async (connection: Connection): Promise<void> => {
    while (left-- > 0) {
      const startMs = performance.now();
      const { status, body } = await connection.send(request);
      if (status !== 200) throw new Error(`HTTP ${status}: ${body}`);
      latenciesMs.push(performance.now() - startMs);
    }
  };
  const startMs = performance.now();
  await Promise.all(connections.map(drive));
  const tookMs = performance.now() - startMs;
  for (const connection of connections) connection.close();
  return { perSecond: (total / tookMs) * 1000, latenciesMs };
}
