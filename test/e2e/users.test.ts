import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRunning, readStat } from "../../src/engine/identity.ts";
import type { JobDetail, JobView } from "../../src/protocol/views.ts";
import { askAs, type Reply, runAs, type TestUser, users, whyNoUsers } from "../kit/as-user.ts";
import { whyNoCgroups } from "../kit/cgroups.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

const { ada, bob, carol, worker, stranger } = users;
const why = whyNoUsers();
const CONFIG = `group: nogroup\nadmins: games\nworkerUser: ${worker.name}\nmaxProcesses: 500\n`;

let host: Host;
beforeAll(async () => {
  if (why !== null) return;
  host = await startHost({ config: CONFIG, env: { OF_THE_DAEMON: "a secret" } });
});
afterAll(async () => {
  if (why !== null) return;
  await host.client.call("POST /shutdown", { mode: "kill" });
  await host.exited();
  await host[Symbol.asyncDispose]();
});

const ask = (user: TestUser, route: string, body?: unknown): Promise<Reply> =>
  askAs(user, host.paths.socket, route, body);

/** Submits a shell command as a user; gives the job's id. */
async function submit(user: TestUser, script: string, more: Record<string, unknown> = {}): Promise<number> {
  const reply = await ask(user, "POST /jobs/run", { command: ["sh", "-c", script], cwd: "/", ...more });
  expect(reply).toMatchObject({ status: 200 });
  return (JSON.parse(reply.text) as JobView).id;
}

/** What a finished job of a user has written, as that user is told. */
async function outputOf(user: TestUser, id: number): Promise<string> {
  await host.until(id, "succeeded", "failed", "cancelled");
  const { status, text } = await ask(user, `GET /jobs/${id}/logs`);
  expect(status).toBe(200);
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => (JSON.parse(line) as { text: string }).text).join("");
}

/** Not as a zombie: where nobody reaps, one stays for ever. */
const runs = (pid: number): boolean => {
  const stat = readStat(pid);
  return stat !== null && isRunning(stat);
};

const logFile = (id: number): string => join(host.paths.jobsDir, "0", String(id), "attempt-1.log");

describe.skipIf(why !== null)(`a daemon for several users${why === null ? "" : ` (skipped: ${why})`}`, () => {
  it("runs a job as its user: uid, groups, no new privileges, no capabilities [fault 52]", async () => {
    const id = await submit(ada, "cat /proc/self/status; echo; pwd; umask");
    const text = await outputOf(ada, id);
    expect(text).toContain(`Uid:\t${Array(4).fill(ada.uid).join("\t")}\n`);
    expect(text).toContain(`Gid:\t${Array(4).fill(ada.gid).join("\t")}\n`);
    expect(text).toMatch(new RegExp(`^Groups:\\t${ada.gid} $`, "m"));
    expect(text).toMatch(/^NoNewPrivs:\t1$/m);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"])
      expect(text).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
  });

  it("gives it the user's own environment, as it was submitted, and nothing of the daemon's", async () => {
    const odd = 'it\'s "quoted" $(id) `id` \\ and\nof two lines';
    const env = { ODD: odd, "not-a-name": "x", OPTIND: "x", UID: "0", LD_PRELOAD: "", PATH: "/usr/bin:/bin" };
    const id = await submit(ada, "env -0 | tr '\\0' '\\1'", { env });
    const given = new Map(
      (await outputOf(ada, id)).split("\u0001").map((entry) => {
        const at = entry.indexOf("=");
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
    );
    expect(given.get("ODD")).toBe(odd);
    expect(given.get("USER")).toBe(ada.name);
    expect(given.get("LOGNAME")).toBe(ada.name);
    expect(given.get("HOME")).toBe("/nonexistent");
    expect(given.get("ORCH_JOB")).toBe(String(id));
    for (const name of ["OF_THE_DAEMON", "ORCH_HOME", "not-a-name", "ORCH_VAR_0"])
      expect([name, given.has(name)]).toEqual([name, false]);
  });

  it("lets none of the user's variables act on a process of root's", async () => {
    const id = await submit(ada, "read -r x < /dev/null; cat /dev/zero | head -c 0; exec sleep 60", {
      env: { LD_PRELOAD: "/nonexistent/evil.so", BASH_ENV: "/nonexistent/evil" },
    });
    const { worker: name } = await host.until(id, "running");
    const { workers } = await host.client.call("GET /workers", {});
    const pid = workers.find((each) => each.name === name)?.pid ?? 0;
    const names = readFileSync(`/proc/${pid}/environ`, "utf8")
      .split("\0")
      .map((entry) => entry.split("=")[0]);
    expect(statSync(`/proc/${pid}`).uid).toBe(0);
    expect(
      names.filter((each) => each !== "" && !/^ORCH_(VAR_\d+|WORKER|INSTANCE)$/.test(each ?? "")),
    ).toEqual([]);
    expect((await ask(ada, `POST /jobs/${id}/cancel`, {})).status).toBe(200);
    expect((await host.until(id, "cancelled")).state).toBe("cancelled");
  });

  it("says of a folder that the user cannot enter, and of a program that is not there, that it is so", async () => {
    const closed = join(host.home, "closed");
    mkdirSync(closed, { mode: 0o700 });
    const shut = await submit(ada, "echo in", { cwd: closed });
    expect(await outputOf(ada, shut)).toBe(`orch: the user of this job cannot enter ${closed}\n`);
    const reply = await ask(ada, "POST /jobs/run", { command: ["no-such-program"], cwd: "/" });
    const { id } = JSON.parse(reply.text) as JobView;
    expect(await outputOf(ada, id)).toBe("orch: no-such-program: no such program\n");
    expect((await host.until(id, "failed")).exitCode).toBe(127);
  });

  it("lets admins see and cancel everything", async () => {
    const id = await submit(ada, "sleep 61");
    await host.until(id, "running");
    // An admin is a member, too: only members reach the socket.
    const asAdmin = (route: string, body?: unknown): Promise<Reply> =>
      askAs(carol, host.paths.socket, route, body, [carol.gid, ada.gid]);
    expect((await asAdmin(`GET /jobs/${id}`)).text).toContain("sleep 61");
    expect((await asAdmin(`GET /jobs/${id}/logs`)).status).toBe(200);
    expect((await asAdmin("GET /history/trace")).status).toBe(200);
    expect((await asAdmin(`POST /jobs/${id}/cancel`, {})).status).toBe(200);
    await host.until(id, "cancelled");
  });

  it("keeps logs, the database and secrets from other users; the own log can be read", async () => {
    mkdirSync(join(host.home, "secrets"), { mode: 0o700, recursive: true });
    writeFileSync(join(host.home, "secrets", "TOKEN"), "hush", { mode: 0o400 });
    const { jobsDir, stateDir, workersDir, database, daemonLog, lockFile } = host.paths;
    const id = await submit(
      ada,
      `echo mine; cat ${host.home}/secrets/TOKEN ${database} ${workersDir}/$ORCH_WORKER/pid`,
    );
    const text = await outputOf(ada, id);
    expect(text.match(/Permission denied/g)?.length).toBe(3);
    expect(text).not.toContain("hush");
    for (const file of [logFile(id), database, `${database}-wal`, daemonLog, lockFile])
      expect([file, (await runAs(bob, ["cat", file])).stderr]).toEqual([
        file,
        expect.stringContaining("denied"),
      ]);
    for (const dir of [jobsDir, dirname(logFile(id)), stateDir, workersDir, join(host.home, "secrets")])
      expect([dir, (await runAs(ada, ["ls", dir])).stderr]).toEqual([dir, expect.stringContaining("denied")]);
    expect(await runAs(ada, ["cat", logFile(id)])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("mine"),
    });
    // In its folder the user cannot put a link where root would write.
    const link = join(dirname(logFile(id)), "attempt-2.log");
    expect((await runAs(ada, ["ln", "-s", "/etc/passwd", link])).stderr).toContain("Permission denied");
    expect(statSync(host.paths.socket).mode & 0o777).toBe(0o660);
    expect(statSync(dirname(host.paths.socket)).mode & 0o777).toBe(0o750);
  });

  it("believes no end but that of its own supervisor", async () => {
    const script = `kill -9 $PPID; echo "exit 0" > ${host.paths.workersDir}/$ORCH_WORKER/exit; exit 7`;
    const id = await submit(ada, script);
    const text = await outputOf(ada, id);
    expect(text).toMatch(/not permitted/);
    expect(text).toMatch(/exit: Permission denied/);
    expect((await host.until(id, "failed")).exitCode).toBe(7);
  });

  it.skipIf(whyNoCgroups() !== null)(
    "ends what has escaped session, parent and labels [fault 24]",
    async () => {
      const stray = "trap '' TERM; echo $$; while :; do /bin/sleep 0.1; done";
      const flag = join(host.home, "flag");
      const script = `(setsid env -i /bin/sh -c "$STRAY" &); until [ -e ${flag} ]; do sleep 0.05; done; exit 3`;
      const id = await submit(ada, script, { env: { STRAY: stray } });
      const pid = await until("the stray has said its pid", () => {
        const text = existsSync(logFile(id)) ? readFileSync(logFile(id), "utf8") : "";
        return /^\d+\n/.test(text) ? Number.parseInt(text, 10) : null;
      });
      expect(runs(pid)).toBe(true);
      writeFileSync(flag, "");
      expect((await host.until(id, "failed")).exitCode).toBe(3);
      expect(runs(pid)).toBe(false);
    },
  );

  it("serves nobody whom the host does not name as a member, whatever groups the process has [fault 52]", async () => {
    const socket = host.paths.socket;
    expect(await askAs(stranger, socket, "GET /status")).toEqual({ status: 0, text: "EACCES" });
    const withGroup = await askAs(stranger, socket, "GET /status", undefined, [ada.gid]);
    expect(withGroup.status).toBe(403);
    expect(withGroup.text).toContain("www-data is not in the group nogroup");
    expect((await askAs(ada, socket, "GET /status")).status).toBe(200);
  });

  it("judges a connection by who made it, not by who was handed it [fault 52]", async () => {
    // Python, since Node cannot pass descriptors: one process connects as `maker`, another of `user` speaks over it.
    const script = `
import os, socket, sys
path, maker, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ours, theirs = socket.socketpair()
if os.fork() == 0:
    os.setgroups([${ada.gid}]); os.setgid(${ada.gid}); os.setuid(maker)
    s = socket.socket(socket.AF_UNIX); s.connect(path)
    socket.send_fds(theirs, [b"x"], [s.fileno()]); os._exit(0)
fds = socket.recv_fds(ours, 1, 1)[1]
os.setgroups([${ada.gid}]); os.setgid(${ada.gid}); os.setuid(user)
s = socket.socket(fileno=fds[0])
s.sendall(b"GET /api/v1/workers HTTP/1.1\\r\\nhost: o\\r\\nconnection: close\\r\\n\\r\\n")
print(s.recv(65536).decode().split()[1])
`;
    const status = async (maker: TestUser, user: TestUser): Promise<string> => {
      const root = { name: "root", uid: 0, gid: 0 };
      const argv = ["/usr/bin/python3", "-c", script, host.paths.socket, String(maker.uid), String(user.uid)];
      return (await runAs(root, argv)).stdout.trim();
    };
    expect([await status(stranger, ada), await status(ada, stranger)]).toEqual(["403", "200"]);
  });

  it("refuses jobs of root, whose right it is to look after the others'", async () => {
    await expect(host.sh("id")).rejects.toMatchObject({ code: "permission/denied" });
    expect((await host.client.call("GET /jobs", {})).jobs.length).toBeGreaterThan(0);
  });
});

describe.skipIf(why !== null)("runtimes for several users", () => {
  it("run as the user for workers, and what they write is the submitting user's afterwards", async () => {
    host.addRuntime(
      "who",
      "name: who\nsummary: says who it is\nprotocol: exec\ncommand: [sh, run.sh]\noutputs: ['*']\n",
      {
        "run.sh":
          'id -un; cat "$ORCH_PARAMS"; id -un > "$ORCH_OUTPUT_DIR/who.txt"; echo \'{"type":"output","output":{"n":1}}\' >> "$ORCH_EVENTS"',
      },
    );
    const reply = await ask(ada, "POST /jobs", { runtime: "who" });
    expect(reply).toMatchObject({ status: 200 });
    const { id } = JSON.parse(reply.text) as JobView;
    expect(await outputOf(ada, id)).toContain(`${worker.name}\n`);
    expect((await host.until(id, "succeeded")).artifacts.map(({ name }) => name)).toEqual(["who.txt"]);
    const file = join(host.paths.jobsDir, "0", String(id), "output", "who.txt");
    expect(await runAs(ada, ["cat", file])).toMatchObject({ code: 0, stdout: `${worker.name}\n` });
    expect((await runAs(bob, ["cat", file])).code).toBe(1);
    const seen = JSON.parse((await ask(bob, `GET /jobs/${id}`)).text) as JobDetail;
    expect([seen.artifacts, seen.output]).toEqual([[], null]);
  });

  it("speak over a socket of their own, and give the output to who asked for it", async () => {
    host.addRuntime(
      "echo",
      "name: echo\nsummary: gives it back\ncommand: [python3, handler.py]\nkeepAlive: 1h\n",
      {
        "handler.py": [
          "import os",
          "from orch_sdk import serve",
          "class Echo:",
          "    def run(self, params, ctx):",
          '        ctx.log("a line")',
          '        ctx.save("note.txt", "written")',
          "        return os.getuid()",
          "serve(Echo())",
        ].join("\n"),
      },
    );
    const reply = await ask(ada, "POST /jobs", { runtime: "echo" });
    expect(reply).toMatchObject({ status: 200 });
    const { id } = JSON.parse(reply.text) as JobView;
    expect(await outputOf(ada, id)).toContain("a line");
    expect(JSON.parse((await ask(ada, `GET /jobs/${id}`)).text)).toMatchObject({
      state: "succeeded",
      output: worker.uid,
    });
    const dir = join(host.paths.jobsDir, "0", String(id));
    expect(
      await runAs(ada, ["cat", join(dir, "output", "note.txt"), join(dir, "attempt-1.log")]),
    ).toMatchObject({
      stdout: "writtena line\n",
    });
    expect((await runAs(bob, ["cat", join(dir, "output", "note.txt")])).code).toBe(1);
  });

  it("are not asked to read what the caller may not", async () => {
    host.addRuntime(
      "reader",
      "name: reader\nsummary: reads\nprotocol: exec\ncommand: [cat, '{file}']\nparams: { file: { type: file } }\n",
    );
    writeFileSync(join(host.home, "closed.txt"), "hush", { mode: 0o600 });
    const open = join(host.home, "open.txt");
    writeFileSync(open, "said", { mode: 0o644 });
    const refused = await ask(ada, "POST /jobs", {
      runtime: "reader",
      params: { file: `${host.home}/closed.txt` },
    });
    const missing = await ask(ada, "POST /jobs", {
      runtime: "reader",
      params: { file: `${host.home}/nowhere.txt` },
    });
    expect([refused.status, missing.status]).toEqual([400, 400]);
    // Whether it is there is not told either.
    expect(refused.text.replaceAll("closed", "nowhere")).toBe(missing.text);
    const reply = await ask(ada, "POST /jobs", { runtime: "reader", params: { file: open } });
    expect(await outputOf(ada, (JSON.parse(reply.text) as JobView).id)).toBe("said");
  });
});

describe.skipIf(why !== null)("a job of a user", () => {
  it("outlives a daemon that is killed, and the next one believes its end", async () => {
    const flag = join(host.home, "go-on");
    const id = await submit(ada, `until [ -e ${flag} ]; do sleep 0.05; done; id -un; exit 6`);
    await host.until(id, "running");
    await host.kill();
    await host.start();
    writeFileSync(flag, "");
    expect((await host.until(id, "failed")).exitCode).toBe(6);
    expect(await outputOf(ada, id)).toBe(`${ada.name}\n`);
  });
});
