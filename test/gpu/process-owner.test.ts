import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createProcessNamer } from "../../src/gpu/process-owner.ts";
import { readProcessStart } from "../../src/gpu/process-start.ts";
import { createUserNames } from "../../src/gpu/user-names.ts";
import { systemClock } from "../../src/std/clock.ts";
import { bundleProgram } from "../kit/bundle-program.ts";

const gib = 2 ** 30;
let dir = "";
const children: ChildProcess[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "orch-owner-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function startSleep(): Promise<number> {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child.pid ?? 0;
}

test("a program is named with its user and its start", async () => {
  const fromMs = Date.now();
  const pid = await startSleep();
  const [named] = await createProcessNamer({ userNames: async (uid) => `user-${uid}` })([
    { pid, vramBytes: gib },
  ]);
  expect(named).toEqual({
    pid,
    vramBytes: gib,
    name: "sleep",
    uid: process.getuid?.(),
    user: `user-${process.getuid?.()}`,
    startedAtMs: expect.any(Number),
    unknown: null,
  });
  expect(named?.startedAtMs).toBeGreaterThan(fromMs - 150);
  expect(named?.startedAtMs).toBeLessThan(Date.now() + 50);
});

test("a pid that went to a program started after the list was made is nobody", async () => {
  const pid = await startSleep();
  const start = await readProcessStart(pid, systemClock);
  // The list was made a minute before this program began.
  const early = { ...systemClock, nowMs: () => (start?.startedAtMs ?? 0) - 60_000 };
  let asked = 0;
  const clock = { ...systemClock, nowMs: () => (asked++ === 0 ? early.nowMs() : Date.now()) };
  expect(await createProcessNamer({ clock })([{ pid, vramBytes: gib }])).toEqual([
    { pid, vramBytes: gib, name: null, uid: null, user: null, startedAtMs: null, unknown: "elsewhere" },
  ]);
});

test("a pid that this host does not have is nobody", async () => {
  const [named] = await createProcessNamer()([{ pid: 4_194_304, vramBytes: null }]);
  expect(named).toMatchObject({ name: null, user: null, startedAtMs: null, unknown: "elsewhere" });
});

test("a zombie does not run any more", async () => {
  // The shell starts a child that ends at once and never waits for it.
  const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 600"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  children.push(parent);
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  await expect
    .poll(() => readProcessStart(Number(line.toString()), systemClock))
    .toMatchObject({ isRunning: false });
  expect(await readProcessStart(process.pid, systemClock)).toMatchObject({ isRunning: true });
});

/** Runs `script` with a /proc of its own in which users see only their own processes; null where that is not allowed. */
function underHidepid(script: string): string | null {
  const run = (inside: string): string =>
    execFileSync(
      "sh",
      ["-c", `exec unshare --mount sh -c "mount -t proc -o hidepid=2 proc /proc && $0"`, inside],
      {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
  try {
    run("true");
  } catch {
    return null;
  }
  return run(script);
}

test("what is known of another user's program under hidepid is that it is hidden", async ({ skip }) => {
  const program = await bundleProgram(join(import.meta.dirname, "name-process-program.ts"));
  const pid = await startSleep();
  const text = underHidepid(`exec ${process.execPath} ${program} 54321 ${pid}`);
  if (text === null) return skip("this user may not mount /proc");
  expect(JSON.parse(text)).toMatchObject([
    { pid, name: null, uid: null, startedAtMs: null, unknown: "hidden" },
  ]);
});

test("users are named by passwd, else by getent, which is asked once for each", async () => {
  const passwdFile = join(dir, "passwd");
  await writeFile(passwdFile, "root:x:0:0::/:/bin/sh\nada:x:1001:1001:Ada:/home/ada:/bin/sh\nbad line\n");
  const getent = join(dir, "getent");
  await writeFile(
    getent,
    `#!/bin/sh\necho "$*" >>"${dir}/asked"\n[ "$2" = 2002 ] && echo "grace:*:2002:2002::/:/bin/sh"\n`,
  );
  await chmod(getent, 0o755);
  const nameOf = createUserNames({ passwdFile, getent });
  expect(await Promise.all([0, 1001, 2002, 2002, 3003].map(nameOf))).toEqual([
    "root",
    "ada",
    "grace",
    "grace",
    null,
  ]);
  expect(await Promise.all([2002, 3003].map(nameOf))).toEqual(["grace", null]);
  const asked = (await readFile(join(dir, "asked"), "utf8")).trim().split("\n").sort();
  expect(asked).toEqual(["passwd 2002", "passwd 3003"]);
});

test("a user nobody knows is asked for again after ten minutes; one that is known never", async () => {
  let nowMs = 0;
  const passwdFile = join(dir, "late-passwd");
  await writeFile(passwdFile, "ada:x:1001:1001::/:/bin/sh\n");
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const nameOf = createUserNames({ clock, passwdFile, getent: join(dir, "absent") });
  expect(await Promise.all([1001, 1002].map(nameOf))).toEqual(["ada", null]);
  await writeFile(passwdFile, "eve:x:1001:1001::/:/bin/sh\nbob:x:1002:1002::/:/bin/sh\n");
  nowMs = 599_999;
  expect(await nameOf(1002)).toBeNull();
  nowMs = 600_000;
  expect(await Promise.all([1001, 1002].map(nameOf))).toEqual(["ada", "bob"]);
});

test("a directory of users that hangs costs half a second", async () => {
  const getent = join(dir, "hanging");
  await writeFile(getent, "#!/bin/sh\nexec sleep 600\n");
  await chmod(getent, 0o755);
  const startMs = performance.now();
  expect(await createUserNames({ passwdFile: join(dir, "absent"), getent })(7)).toBeNull();
  expect(performance.now() - startMs).toBeLessThan(5000);
});
