import net from "node:net";

/** Sends a request made by `encode` and reads the answer to its end, without keeping it. @returns its bytes */
export async function drain(
  socket: string,
  request: Buffer,
  untilBytes = Number.POSITIVE_INFINITY,
): Promise<number> {
  const stream = net.connect(socket);
  // A stream has no length: it ends with its connection.
  stream.write(request.toString("latin1").replace("\r\n", "\r\nconnection: close\r\n"), "latin1");
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > untilBytes) break;
  }
  return bytes;
}
