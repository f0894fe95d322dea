import net, { type AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { describeHolderOf, isHeldBy, listenersOn } from "../../src/engine/listeners.ts";
import { readVitals } from "../../src/engine/vitals.ts";
import { until } from "../kit/until.ts";

async function listen(host: string): Promise<{ port: number } & Disposable> {
  const server = net.createServer();
  await new Promise<void>((resolve) => void server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close() };
}

describe("who listens on a port", () => {
  it.each(["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"])(
    "is found at %s, and whose it is",
    async (host) => {
      using server = await listen(host);
      const [found, ...others] = listenersOn(server.port);
      if (found === undefined) throw new Error("nobody was found");
      expect(others).toEqual([]);
      expect(found.isPublic, "other hosts reach it").toBe(["0.0.0.0", "::"].includes(host));
      expect(isHeldBy([process.pid], found)).toBe(true);
      expect(isHeldBy([1, process.ppid], found)).toBe(false);
      expect(describeHolderOf(found)).toMatch(`pid ${process.pid} (`);
    },
  );

  it("is nobody where a connection to 127.0.0.1 does not arrive, and once it is closed", async () => {
    const server = await listen("127.0.0.2");
    expect(listenersOn(server.port)).toEqual([]);
    server[Symbol.dispose]();
    const closed = await listen("127.0.0.1");
    closed[Symbol.dispose]();
    await until("it is closed", () => listenersOn(closed.port).length === 0);
  });
});

it("vitals count processor time, and nothing for processes that are gone", () => {
  const before = readVitals([process.pid]).cpuTicks;
  for (const endMs = performance.now() + 60; performance.now() < endMs; );
  expect(readVitals([process.pid]).cpuTicks).toBeGreaterThan(before);
  expect(readVitals([2 ** 22])).toEqual({ cpuTicks: 0, isStopped: false });
});
