// A model server as fast as Node can be one: PORT. A body {"stream":true,"count":N,"bytes":B,"everyMs":M} gets N events of B bytes, each
// with the time at which it was sent; every other body gets the same small answer.
import { createServer } from "node:net";

const answer = JSON.stringify({
  id: "c",
  object: "chat.completion",
  choices: [{ index: 0, message: { content: "x".repeat(200) } }],
});
const small = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`,
);
const models = '{"data":[{"id":"model"}]}';
const listed = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${models.length}\r\n\r\n${models}`,
);
const streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

createServer({ noDelay: true }, (socket) => {
  let received = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    received += chunk;
    for (;;) {
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(received.slice(0, headEnd))?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (received.length < end) return;
      const isGet = received.startsWith("GET");
      const body = received.slice(headEnd + 4, end);
      received = received.slice(end);
      if (isGet) socket.write(listed);
      else if (body.includes('"stream":true')) stream(socket, JSON.parse(body));
      else socket.write(small);
    }
  });
}).listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });

function stream(socket, { count, bytes, everyMs }) {
  const pad = "x".repeat(bytes);
  let sent = 0;
  socket.write(streamHead);
  const next = () => {
    while (sent < count) {
      sent += 1;
      const event = `data: {"at":${performance.timeOrigin + performance.now()},"pad":"${pad}"}\n\n`;
      const isRoomy = socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      if (everyMs > 0) return void setTimeout(next, everyMs);
      if (!isRoomy) return void socket.once("drain", next);
    }
    socket.write("0\r\n\r\n");
  };
  next();
}

process.on("SIGTERM", () => process.exit(0));
