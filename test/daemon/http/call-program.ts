// Asks the socket of argv[2] who it is, as user argv[3] if given, and prints the answer as one line.
import http from "node:http";

const [, , socketPath = "", uid] = process.argv;
if (uid !== undefined) process.setuid?.(Number(uid));
http.get({ socketPath, path: "/api/v1/whoami" }, (response) => {
  let text = "";
  response.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  response.on("end", () => {
    process.stdout.write(`${JSON.stringify({ status: response.statusCode, body: JSON.parse(text) })}\n`);
  });
});
