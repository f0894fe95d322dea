import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTerminal, type TerminalConnection } from "../../../src/client/terminal.ts";
import type { ProcessIdentity } from "../../../src/engine/engine.ts";
import { readStat } from "../../../src/engine/identity.ts";
import { inTerminal } from "../../../src/engine/terminal/pty-launch.ts";
import { encodeJson, frameKinds, type TerminalSize } from "../../../src/std/terminal-frames.ts";
import { bundleProgram } from "../../kit/bundle-program.ts";
import { createEngineFixture, type EngineFixture } from "../../kit/engine-fixture.ts";
import { until } from "../../kit/until.ts";

// The real holder under the real supervisor, with real terminals, and viewers that are good and bad.

const source = join(import.meta.dirname, "../../../src/engine/terminal/pty-holder.ts");
let fixture: EngineFixture;
beforeEach(() => {
  fixture = createEngineFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const socketPath = (): string => join(fixture.root, "terminal", "tty");

async function hold(argv: readonly string[], leaveAfterMs: number | null = null): Promise<ProcessIdentity> {
  mkdirSync(join(fixture.root, "terminal"), { mode: 0o700 });
  const terminal = { columns: 80, rows: 24, leaveAfterMs, socket: socketPath() };
  const holderPath = await bundleProgram(source);
  const launch = fixture.launch(1, argv, { LANG: "C.UTF-8", NODE_OPTIONS: "--no-warnings", TMUX: "outer" });
  return fixture.engine.start(inTerminal(launch, { ...terminal, holderPath }));
}

const exitOf = (identity: ProcessIdentity) => fixture.engine.exited(fixture.dirOf(1), identity);

interface Viewer extends TerminalConnection {
  text(): string;
  bytes(): number;
  skipped(): number;
  shows(what: string, deadlineMs?: number): Promise<boolean>;
}

/** The holder listens: it closes its socket to others right after. */
async function untilServed(): Promise<void> {
  await until(
    "the holder listens",
    () => existsSync(socketPath()) && (statSync(socketPath()).mode & 0o777) === 0o600,
  );
}

async function view(size: TerminalSize | null = null, readOnly = false): Promise<Viewer> {
  await untilServed();
  let last = Buffer.alloc(0);
  let bytes = 0;
  let skipped = 0;
  const connection = await openTerminal(
    socketPath(),
    { size, readOnly },
    {
      onOutput(chunk) {
        bytes += chunk.length;
        last = Buffer.concat([last, chunk]).subarray(-100_000);
        return true;
      },
      onSkipped(count) {
        skipped += count;
      },
      onDrain: () => {},
    },
  );
  const text = (): string => last.toString();
  const shows = (what: string, deadlineMs = 15_000): Promise<boolean> =>
    until(`a viewer sees ${what}`, () => text().includes(what), deadlineMs);
  return { ...connection, text, bytes: () => bytes, skipped: () => skipped, shows };
}

/** One who introduces itself and then reads nothing. */
async function viewWithoutReading(): Promise<Socket> {
  await untilServed();
  const socket = connect(socketPath());
  await once(socket, "connect");
  socket.pause();
  socket.write(encodeJson(frameKinds.hello, { size: null, readOnly: false }));
  return socket;
}

const FLOOD_BYTES = 100_000_000;
const flood = (bytes: number): string => `head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo end-of-it`;

describe("a terminal's program", () => {
  test("runs in it, with its own environment; the socket is closed to others", async () => {
    const script = 'tty; env; ls -la /proc/self/fd | grep -c socket; echo $0 "$@"; read line; exit 4';
    const identity = await hold(["sh", "-c", script, "name", "a b", "$HOME"]);
    const viewer = await view();
    await viewer.shows("name a b $HOME");
    for (const wanted of ["/dev/pts/", "ORCH_WORKER=1", "NODE_OPTIONS=--no-warnings"]) {
      expect(viewer.text()).toContain(wanted);
    }
    for (const hidden of ["ORCH_TERMINAL", "TMUX"]) expect(viewer.text()).not.toContain(hidden);
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
    viewer.type(Buffer.from("\n"));
    expect(await viewer.ended).toBe(4);
    expect((await exitOf(identity)).exitCode).toBe(4);
    expect(fixture.logOf(1)).toBe(viewer.text());
    expect(existsSync(socketPath())).toBe(false);
  });

  test.each([
    [["no-such-program"], 127, "no such program"],
    [["/etc/passwd"], 126, "ermission denied"],
    [["sh", "-c", "kill -SEGV $$"], 139, ""],
  ])("%j ends with %i", async (argv, exitCode, text) => {
    expect((await exitOf(await hold(argv))).exitCode).toBe(exitCode);
    expect(fixture.logOf(1)).toContain(text);
  });

  test("has the size of whoever was active last and may type", async () => {
    await hold(["sh", "-c", "trap 'echo size=$(stty size)' WINCH; echo ready; while :; do sleep 0.02; done"]);
    const first = await view();
    await first.shows("ready");
    first.resize({ columns: 100, rows: 30 });
    await first.shows("size=30 100");
    const second = await view({ columns: 90, rows: 20 });
    await first.shows("size=20 90");
    await view({ columns: 10, rows: 10 }, true);
    first.type(Buffer.from("x"));
    await second.shows("size=30 100");
    second.resize({ columns: 91, rows: 21 });
    await first.shows("size=21 91");
    second.close();
    await until("the one who is left decides", () => first.text().endsWith("size=30 100\r\n"));
    expect(first.text()).not.toContain("size=10 10");
  });

  test("is typed to in full, also much more than it reads at once", async () => {
    await hold(["python3", "-uc", READ_ALL]);
    const viewer = await view();
    await viewer.shows("ready");
    viewer.type(Buffer.alloc(300_000, "k"));
    await viewer.shows("got 300000");
  });

  test("is hung up when nobody comes for long enough", async () => {
    const identity = await hold(["sh", "-c", "trap '' TERM; sleep 60"], 300);
    expect((await exitOf(identity)).exitCode).toBe(129);
    expect(fixture.logOf(1)).toContain("nobody has been attached");
  });
});

const READ_ALL = `
import os, tty, time
tty.setraw(0)
print("ready")
time.sleep(0.3)
n = 0
while n < 300000:
    n += len(os.read(0, 4096))
print("got", n)
`;

describe("what a program writes", () => {
  test("reaches a viewer and the log whole, wherever characters and sequences are cut", async () => {
    const text = "hä€😀\u001b[31mrot\u001b[0m\n";
    const script = `import sys,time\nfor b in ${JSON.stringify([...Buffer.from(text)])}:\n sys.stdout.buffer.write(bytes([b])); sys.stdout.flush(); time.sleep(0.005)`;
    const identity = await hold(["python3", "-c", script]);
    const viewer = await view();
    expect(await viewer.ended).toBe(0);
    await exitOf(identity);
    expect(viewer.text()).toBe(text.replace("\n", "\r\n"));
    expect(fixture.logOf(1)).toBe(viewer.text());
  });

  test("is read to its end, also where the holder comes to it after the program has gone", async () => {
    const script =
      "while [ ! -e go ]; do sleep 0.02; done; head -c 9000 /dev/zero | tr '\\0' x; echo last-words";
    const identity = await hold(["sh", "-c", script]);
    const viewer = await view();
    const holder = await until("the holder is there", () => holderPid(identity.pid));
    const program = await until("the program is there", () => childrenOf(holder)[0]);
    process.kill(holder, "SIGSTOP");
    writeFileSync(join(fixture.root, "go"), "");
    await until("the program has gone", () => readStat(program)?.state === "Z");
    process.kill(holder, "SIGCONT");
    expect(await viewer.ended).toBe(0);
    await exitOf(identity);
    expect(viewer.text()).toBe(`${"x".repeat(9_000)}last-words\r\n`);
    expect(fixture.logOf(1)).toBe(viewer.text());
  });

  test("a flood of 100 MB does not wait for a viewer that never reads, nor keep it in memory", async () => {
    const identity = await hold(["sh", "-c", `read go; ${flood(FLOOD_BYTES)}`]);
    const stuck = await viewWithoutReading();
    const viewer = await view();
    const holder = until("the holder is there", () => holderPid(identity.pid));
    viewer.type(Buffer.from("\n"));
    await viewer.shows("end-of-it", 50_000);
    const peakBytes = peakMemory(await holder);
    expect(await viewer.ended).toBe(0);
    expect((await exitOf(identity)).exitCode).toBe(0);
    expect(viewer.skipped() + viewer.bytes()).toBeGreaterThan(FLOOD_BYTES);
    expect(statSync(join(fixture.root, "logs", "1.log")).size).toBeGreaterThan(FLOOD_BYTES);
    expect(peakBytes).toBeLessThan(250 * 2 ** 20);
    stuck.destroy();
  }, 60_000);

  test("one that was behind is told, and begins again with the last output", async () => {
    await hold(["sh", "-c", `read go; ${flood(8_000_000)}; read more; echo more-to-come; read end`]);
    const slow = await viewWithoutReading();
    const viewer = await view();
    viewer.type(Buffer.from("\n"));
    await viewer.shows("end-of-it");
    const read: Buffer[] = [];
    slow.on("data", (chunk: Buffer) => read.push(chunk));
    slow.resume();
    const text = (): string => Buffer.concat(read).toString("latin1");
    await until("it is told what it missed", () => /"skippedBytes":[1-9]\d{5,}/.test(text()));
    await until("it sees the end", () => text().includes("end-of-it"));
    viewer.type(Buffer.from("\n"));
    await until("it sees what comes then", () => text().includes("more-to-come"));
    slow.destroy();
  });
});

describe("those who are no viewers", () => {
  test.each([
    ["talk HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["send a frame that is too long", Buffer.from([1, 0xff, 0xff, 0xff, 0xff])],
    ["type before they say who they are", Buffer.from([2, 0, 0, 0, 1, 0x78])],
  ])("are sent away when they %s", async (_what, bytes) => {
    await hold(["cat"]);
    const good = await view();
    const bad = connect(socketPath());
    bad.on("error", () => {});
    bad.write(bytes);
    await once(bad, "close");
    good.type(Buffer.from("still here\n"));
    await good.shows("still here\r\nstill here");
  });
});

/** The holder is the child of the supervisor, or of the shell between. */
function holderPid(supervisorPid: number): number | null {
  const isHolder = (pid: number): boolean =>
    readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(process.execPath);
  return (
    childrenOf(supervisorPid)
      .flatMap((pid) => [pid, ...childrenOf(pid)])
      .find(isHolder) ?? null
  );
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
}

function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
