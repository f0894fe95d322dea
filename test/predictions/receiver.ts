import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** One webhook as it came. */
export interface Told {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
  readonly prediction: Record<string, unknown>;
}

export interface Receiver {
  readonly url: string;
  readonly told: Told[];
}

/** Somebody who is told, until the test ends. @param answer 204 when left out */
export async function receive(
  answer?: (response: ServerResponse, count: number) => void,
  port = 0,
): Promise<Receiver> {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const prediction = JSON.parse(body) as Record<string, unknown>;
      told.push({ headers: request.headers, body, atMs: performance.now(), prediction });
      if (answer === undefined) response.writeHead(204).end();
      else answer(response, told.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, told };
}

/** "completed", "logs_12" … by the id that came with it. */
export const eventOf = ({ headers }: Told): string =>
  String(headers["webhook-id"]).replace(/^msg_[0-9a-f-]{8}_\d+_/, "");
