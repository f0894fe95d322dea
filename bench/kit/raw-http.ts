import net from "node:net";

/** What came of one request: when its first byte was there, and how much. */
export interface RawAnswer {
  readonly status: number;
  readonly firstMs: number;
  readonly tookMs: number;
  readonly bytes: number;
}

/** A kept-alive connection to any HTTP/1.1 server, one request at a time. By hand, as `Connection` is, and for streams too. */
export interface RawConnection {
  /** @param onText sees what comes, as it comes */
  send(request: Buffer, onText?: (text: string) => void): Promise<RawAnswer>;
  close(): void;
}

/** A request for a chat as bytes. */
export function chatRequest(body: object, key: string): Buffer {
  const text = JSON.stringify(body);
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    "host: 127.0.0.1",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${text}`);
}

/** Connects to http://127.0.0.1:port. */
export async function connectTo(url: string): Promise<RawConnection> {
  const stream = net.connect({ host: "127.0.0.1", port: Number(new URL(url).port), noDelay: true });
  await new Promise<void>((resolve, reject) => stream.once("connect", resolve).once("error", reject));
  let take: (chunk: Buffer) => void = () => {};
  let fail: (error: Error) => void = () => {};
  stream.on("data", (chunk: Buffer) => take(chunk));
  stream.on("error", (error) => fail(error));
  stream.on("close", () => fail(new Error("the connection was closed")));
  return {
    send: (request, onText) =>
      new Promise((resolve, reject) => {
        const startMs = performance.now();
        let firstMs = 0;
        let bytes = 0;
        let head = "";
        let isWhole: (tail: string) => boolean = () => false;
        let tail = "";
        fail = reject;
        take = (chunk) => {
          const text = chunk.toString("latin1");
          firstMs ||= performance.now() - startMs;
          bytes += chunk.length;
          onText?.(text);
          tail = (tail + text).slice(-2_000);
          if (!head.includes("\r\n\r\n")) {
            head += text;
            if (head.includes("\r\n\r\n")) isWhole = endOf(head, () => bytes);
          }
          if (!isWhole(tail)) return;
          resolve({ status: Number(head.slice(9, 12)), firstMs, tookMs: performance.now() - startMs, bytes });
        };
        stream.write(request);
      }),
    close: () => void stream.destroy(),
  };
}

/** How the end of an answer is told, by its head. */
function endOf(head: string, bytes: () => number): (tail: string) => boolean {
  const headBytes = head.indexOf("\r\n\r\n") + 4;
  const length = /content-length: (\d+)/i.exec(head.slice(0, headBytes))?.[1];
  if (length !== undefined) return () => bytes() >= headBytes + Number(length);
  return (tail) => tail.endsWith("0\r\n\r\n");
}
