import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobView } from "../../src/protocol/views.ts";
import { askAs, type Ran, type Reply, runAs, type TestUser, users, whyNoUsers } from "../kit/as-user.ts";
import { sharedOrch } from "../kit/built-orch.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

const { ada, bob, carol, stranger } = users;
const why = whyNoUsers();

let host: Host;
let bin: string;
beforeAll(async () => {
  if (why !== null) return;
  bin = await sharedOrch();
  host = await startHost({ config: "group: nogroup\nadmins: games\n" });
});
afterAll(async () => {
  if (why !== null) return;
  await host.client.call("POST /shutdown", { mode: "kill" });
  await host.exited();
  await host[Symbol.asyncDispose]();
});

/** Runs a shell line as a user, in which `orch` is a command. An admin is a member, too: only those reach the socket. */
function shellOf(user: TestUser, line: string): Promise<Ran> {
  const orch = `orch() { ORCH_HOME='${host.home}' '${process.execPath}' '${bin}' "$@"; }`;
  const groups = user === carol ? [carol.gid, ada.gid] : undefined;
  return runAs(user, ["/bin/sh", "-c", `${orch}; ${line}`], groups);
}

const ask = (user: TestUser, route: string, body?: unknown): Promise<Reply> =>
  askAs(user, host.paths.socket, route, body);

/** A job of ada's in a terminal; gives its id and the socket of the terminal once that is there. */
async function inTerminal(
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ id: number; socket: string }> {
  const terminal = { columns: 80, rows: 24 };
  const body = { command: ["sh", "-c", script], cwd: "/", env, terminal };
  const reply = await ask(ada, "POST /jobs/run", body);
  expect(reply).toMatchObject({ status: 200 });
  const { id } = JSON.parse(reply.text) as JobView;
  await host.until(id, "running");
  const { socket } = await host.client.call("GET /jobs/:job/terminal", { job: id });
  await until("the terminal can be reached", () => {
    const stat = lstatSync(socket ?? "", { throwIfNoEntry: false });
    return stat !== undefined && (stat.mode & 0o777) === 0o660;
  });
  return { id, socket: socket ?? "" };
}

describe.skipIf(why !== null)(`a terminal of a user${why === null ? "" : ` (skipped: ${why})`}`, () => {
  it("is held as its user, and can be reached by that one and by admins alone [fault 52]", async () => {
    const { id, socket } = await inTerminal(
      "read line; test -t 0 && echo got=$line uid=$(id -u); read on; exit 6",
    );
    const folder = lstatSync(dirname(socket));
    expect([lstatSync(socket).uid, lstatSync(socket).gid]).toEqual([ada.uid, carol.gid]);
    expect([folder.uid, folder.gid, folder.mode & 0o7777]).toEqual([ada.uid, carol.gid, 0o2710]);
    const denied = { status: 0, text: "EACCES" };
    for (const user of [bob, stranger]) expect(await askAs(user, socket, "GET /")).toEqual(denied);
    const ofBob = await shellOf(bob, `orch attach ${id} < /dev/null`);
    expect([ofBob.code, ofBob.stderr]).toEqual([4, expect.stringContaining(`belongs to ${ada.name}`)]);
    const screen = shellOf(ada, `orch attach ${id} --read-only`);
    const typed = await shellOf(carol, `{ echo hello; echo; } | orch attach ${id}`);
    expect(typed.stdout).toContain(`got=hello uid=${ada.uid}\r\n`);
    expect([typed.code, (await screen).code]).toEqual([6, 6]);
    expect((await screen).stdout).toContain(`got=hello uid=${ada.uid}\r\n`);
    await host.until(id, "failed");
  });

  it.each([
    ["run --pty", "orch run --pty -- /bin/sh"],
    ["shell", "orch shell --gpus 1 -- /bin/sh"],
  ])("by orch %s is its user's, and its end the command line's", async (_name, command) => {
    const script = "test -t 0 && echo uid=$(id -u) of $(stat -c %u $(tty)); exit 3";
    const done = await shellOf(ada, `echo '${script}' | ${command}`);
    expect(done.stdout).toContain(`uid=${ada.uid} of ${ada.uid}\r\n`);
    expect(done.code).toBe(3);
  });

  it("a command beside it is its user's, and never makes root run what that one chose", async () => {
    const evil = join(host.home, "evil");
    mkdirSync(evil);
    writeFileSync(join(evil, "id"), '#!/bin/sh\necho "evil: $(/usr/bin/id -un) $(/usr/bin/id -G)"\n', {
      mode: 0o755,
    });
    const { id } = await inTerminal("read line", { PATH: `${evil}:/usr/bin:/bin`, MINE: "mine" });
    const worker = `run-${id}`;
    const line = `orch exec ${worker} -- sh -c 'id; echo $MINE $ORCH_JOB $ORCH_TERMINAL'`;
    const expected = { code: 0, stdout: `evil: ${ada.name} ${ada.gid}\nmine ${id}\n`, stderr: "" };
    expect(await shellOf(ada, line)).toEqual(expected);
    const byRoot = await host.cli(
      "exec",
      worker,
      "--",
      "sh",
      "-c",
      "id; echo $MINE $ORCH_JOB $ORCH_TERMINAL",
    );
    expect(byRoot).toEqual(expected);
    const ofBob = await shellOf(bob, line);
    expect([ofBob.code, ofBob.stderr]).toEqual([
      4,
      expect.stringContaining(`${worker} belongs to ${ada.name}`),
    ]);
    const ofAdmin = await shellOf(carol, line);
    expect([ofAdmin.code, ofAdmin.stderr]).toEqual([4, expect.stringContaining("or as root")]);
    const own = (await ask(ada, `GET /jobs/${id}`)).text;
    for (const user of [ada.name, "root", carol.name])
      expect(own).toContain(`${user} runs sh beside ${worker}`);
    expect((await ask(bob, "GET /events?limit=500")).text).not.toContain("runs sh");
    await host.client.call("POST /jobs/:job/cancel", { job: id });
    await host.until(id, "cancelled");
  });
});
