import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SocketServer, serveAnswers } from "../../client/socket-server.ts";
import { need } from "../../kit/need.ts";
import { createOrchHome, type OrchHome } from "../../kit/orch-home.ts";
import { openScreen, whyNoTerminals } from "../../kit/tmux.ts";
import { until } from "../../kit/until.ts";
import { installProgram } from "../program.ts";
import { finishedJob, jobDetail, jobView, sdxl } from "../sample-views.ts";
import { encodePng } from "./png.ts";

// Real terminals show a job's picture, or its path alone.
let program: Awaited<ReturnType<typeof installProgram>>;
let server: SocketServer;
let home: OrchHome;

const RED = [250, 20, 40] as const;
const BLUE = [20, 60, 250] as const;

beforeAll(async () => {
  program = await installProgram();
  const artifacts = () =>
    ["fox.png", "notes.txt"].map((name) => ({
      name,
      ...{ path: join(home.dir, name), bytes: 1, type: "application/octet-stream" },
    }));
  server = await serveAnswers({
    "GET /runtimes/:runtime": () => sdxl,
    "POST /jobs": () => jobView(),
    "GET /follow": () => [{ type: "job", job: finishedJob() }, { type: "end" }],
    "GET /jobs/:job": () => jobDetail({ ...finishedJob(), output: null, artifacts: artifacts() }),
  });
  home = createOrchHome(program.bin, { ORCH_SOCKET: server.socket, ORCH_AUTOSTART: "0" });
  const fox = encodePng({ width: 60, height: 40, colourType: 2 }, (x) => [...(x < 30 ? RED : BLUE), 255]);
  writeFileSync(join(home.dir, "fox.png"), fox);
  writeFileSync(join(home.dir, "notes.txt"), "no picture");
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  program[Symbol.dispose]();
});

const LINE = "orch submit sdxl --prompt fox --wait";

describe.skipIf(whyNoTerminals() !== null)(`in tmux (${whyNoTerminals() ?? "tmux"})`, () => {
  it("the path is printed, its answers are read to the end, and what is typed then reaches the shell", async () => {
    const screen = await openScreen(home, 100, 30);
    screen.enter(`${LINE}; stty -a | grep -o '.icanon'; echo over`);
    await screen.shows(/^over$/m);
    screen.enter("echo typed");
    await screen.shows(/^typed$/m);
    const lines = screen
      .text()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("here>"));
    expect(lines).toEqual([
      join(home.dir, "fox.png"),
      join(home.dir, "notes.txt"),
      " icanon",
      "over",
      "typed",
    ]);
  });

  it("from the background no terminal is asked", async () => {
    const screen = await openScreen(home, 100, 30);
    screen.enter(`${LINE} & wait; echo over; jobs`);
    await screen.shows(/^over$/m);
    expect(screen.text()).toContain(join(home.dir, "fox.png"));
    expect(screen.text()).not.toContain("Stopped");
  });
});

const isThere = (name: string): boolean => spawnSync(name, ["-version"]).error === undefined;
const hasXterm = need("xterm with Xvfb", isThere("xterm") && isThere("Xvfb"));

describe.skipIf(!hasXterm)(
  `in xterm as a VT340 (${hasXterm ? "xterm" : "xterm or Xvfb is not installed"})`,
  () => {
    it("the picture is on the screen, pixel by pixel", async () => {
      using display = await openDisplay(home);
      home.write("bin/orch", `#!/bin/sh\nexec "${process.execPath}" "${home.bin}" "$@"\n`, 0o755);
      const script = `${LINE} 2> said; echo $? > over; sleep 600`;
      using _window = ending(
        spawn("xterm", ["-ti", "vt340", "-geometry", "80x24+0+0", "-e", "sh", "-c", script], {
          env: { ...home.env, DISPLAY: display.name, PATH: `${join(home.dir, "bin")}:${home.env["PATH"]}` },
          cwd: home.dir,
          stdio: "ignore",
        }),
      );
      await until("the job's result was shown", () => existsSync(join(home.dir, "over")), 20_000);
      expect(readFileSync(join(home.dir, "over"), "utf8")).toBe("0\n");
      expect(readFileSync(join(home.dir, "said"), "utf8")).toBe("");
      const red = await until("the picture is on the screen", () => display.boxOf(RED));
      expect(red).toMatchObject({ width: 30, height: 40, count: 30 * 40 });
      expect(display.boxOf(BLUE)).toEqual({ ...red, left: red.left + 30 });
    });
  },
);

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Pixels of the colour. */
  readonly count: number;
}

interface Display extends Disposable {
  readonly name: string;
  /** Where pixels of a colour are; null = nowhere. */
  boxOf(colour: readonly [number, number, number]): Box | null;
}

/** Ends a process with the scope. */
function ending(child: ChildProcess): ChildProcess & Disposable {
  return Object.assign(child, { [Symbol.dispose]: () => void child.kill("SIGKILL") });
}

/** A screen of X11 that is a file. */
async function openDisplay({ dir, env }: OrchHome): Promise<Display> {
  const args = ["-displayfd", "3", "-screen", "0", "800x600x24", "-fbdir", dir, "-nolisten", "tcp"];
  const child = ending(spawn("Xvfb", args, { env, stdio: ["ignore", "ignore", "ignore", "pipe"] }));
  let said = "";
  child.stdio[3]?.on("data", (bytes: Buffer) => {
    said += String(bytes);
  });
  await until("the X server is there", () => said.includes("\n"));
  return {
    name: `:${said.trim()}`,
    boxOf: (colour) => boxIn(readFileSync(join(dir, "Xvfb_screen0")), colour),
    [Symbol.dispose]: child[Symbol.dispose],
  };
}

/** Looks for pixels that are nearly of a colour in a dump of a window, XWD version 7: numbers of four bytes, the highest first. */
function boxIn(dump: Buffer, [red, green, blue]: readonly [number, number, number]): Box | null {
  const head = (at: number): number => dump.readUInt32BE(4 * at);
  const [width, height, rowBytes, start] = [head(4), head(5), head(12), head(0) + 12 * head(19)];
  let [left, top, right, bottom, count] = [width, height, -1, -1, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = start + y * rowBytes + 4 * x;
      const distances = [blue, green, red].map((value, channel) =>
        Math.abs(value - (dump[at + channel] ?? 0)),
      );
      if (Math.max(...distances) > 3) continue;
      count += 1;
      [left, top, right, bottom] = [
        Math.min(left, x),
        Math.min(top, y),
        Math.max(right, x),
        Math.max(bottom, y),
      ];
    }
  }
  return count === 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1, count };
}
