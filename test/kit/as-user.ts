import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** A user that Debian and its kin have from the start, by name. */
export interface TestUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** What users.test.ts needs: two members of one group, somebody for other parts, and a stranger. */
const WANTED = {
  ada: ["nobody", 65534, 65534],
  bob: ["sync", 4, 65534],
  carol: ["games", 5, 60],
  worker: ["daemon", 1, 1],
  stranger: ["www-data", 33, 33],
} as const;

/** `ada` and `bob` are in the group `nogroup`, `carol` is in `games`; `worker` and `stranger` are in neither. */
export const users = Object.fromEntries(
  Object.entries(WANTED).map(([key, [name, uid, gid]]) => [key, { name, uid, gid }]),
) as Record<keyof typeof WANTED, TestUser>;

/** Why programs cannot be run as these users here, or null. With ORCH_REQUIRE=1 it throws instead. */
export function whyNoUsers(): string | null {
  const why = findMissing();
  if (why !== null && process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
  return why;
}

function findMissing(): string | null {
  if (process.getuid?.() !== 0) return "only root can run programs as other users";
  const passwd = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const { name, uid, gid } of Object.values(users)) {
    if (!passwd.some((line) => line.startsWith(`${name}:x:${uid}:${gid}:`)))
      return `this host has no user ${name} with uid ${uid} and gid ${gid}`;
  }
  return null;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program as a user, with the groups that the host says the user has.
 * @param groups gids instead of these: what the process has, whatever the host says
 */
export function runAs(user: TestUser, argv: readonly string[], groups?: readonly number[]): Promise<Ran> {
  const their = groups === undefined ? "--init-groups" : `--groups=${groups.join(",")}`;
  const args = [`--reuid=${user.uid}`, `--regid=${user.gid}`, their, "--", ...argv];
  return new Promise((resolve) => {
    const child = spawn("setpriv", args, { cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

const ASK = `
const [socketPath, method, path, body] = process.argv.slice(1);
const request = require("node:http").request({ socketPath, method, path, agent: false }, (response) => {
  let text = "";
  response.on("data", (chunk) => { text += chunk; });
  response.on("end", () => console.log(JSON.stringify({ status: response.statusCode, text })));
});
request.on("error", (error) => console.log(JSON.stringify({ status: 0, text: String(error.code) })));
request.end(body);
`;

export interface Reply {
  /** 0 when the socket could not be connected to; `text` is the error's code then. */
  readonly status: number;
  readonly text: string;
}

/** One request to the API at `socket`, made by a process of the user. */
export async function askAs(
  user: TestUser,
  socket: string,
  route: string,
  body?: unknown,
  groups?: readonly number[],
): Promise<Reply> {
  const [method = "", path = ""] = route.split(" ");
  const argv = [process.execPath, "-e", ASK, socket, method, `/api/v1${path}`];
  const ran = await runAs(user, body === undefined ? argv : [...argv, JSON.stringify(body)], groups);
  if (ran.code !== 0) throw new Error(`the request of ${user.name} failed: ${ran.stderr}`);
  return JSON.parse(ran.stdout) as Reply;
}
