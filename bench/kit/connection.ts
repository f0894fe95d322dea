import net from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * A kept-alive HTTP/1.1 connection to the daemon, one request at a time. Written by hand because node:http would
 * cost the measuring side more than the daemon needs to answer, and both share the cores.
 */
export interface Connection {
  /** Sends bytes made by `encode` and resolves with the answer. */
  send(request: Buffer): Promise<Answer>;
  close(): void;
}

/** A whole request as bytes, to be sent as often as wanted. */
export function encode(method: "GET" | "POST", path: string, body?: unknown): Buffer {
  const text = body === undefined ? "" : JSON.stringify(body);
  const head = `${method} /api/v1${path} HTTP/1.1\r\nhost: orch\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  return Buffer.from(head + text);
}

/** Connects to the daemon's socket. */
export async function connect(socket: string): Promise<Connection> {
  const stream = net.connect(socket);
  await new Promise<void>((resolve, reject) => {
    stream.once("connect", resolve);
    stream.once("error", reject);
  });
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  let received = "";
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
  stream.setEncoding("latin1"); // Bytes stay bytes, so that content-length counts characters.
  stream.on("data", (chunk: string) => {
    received += chunk;
    const answer = takeAnswer(received);
    if (answer === null) return;
    received = "";
    const { resolve } = waiting ?? { resolve: () => {} };
    waiting = null;
    resolve(answer);
  });
  stream.on("error", fail);
  stream.on("close", () => fail(new Error("the daemon closed the connection")));
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        stream.write(request);
      }),
    close: () => void stream.destroy(),
  };
}

function takeAnswer(received: string): Answer | null {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const length = /content-length: (\d+)/i.exec(received.slice(0, headEnd));
  const end = headEnd + 4 + Number(length?.[1] ?? 0);
  if (received.length < end) return null;
  return { status: Number(received.slice(9, 12)), body: received.slice(headEnd + 4, end) };
}

/** Sends and parses; throws what the daemon refused. */
export async function call<T>(connection: Connection, request: Buffer): Promise<T> {
  const { status, body } = await connection.send(request);
  if (status !== 200) throw new Error(`HTTP ${status}: ${body}`);
  return JSON.parse(Buffer.from(body, "latin1").toString("utf8")) as T;
}
