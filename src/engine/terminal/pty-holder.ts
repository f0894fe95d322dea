/**
 * The program that holds the terminal of one job: `node pty-holder.js COMMAND…`, run under the supervisor in place of
 * the command. It outlives the daemon, serves viewers on a socket of its own, appends all output to its stdout, which
 * is the job's log, and ends with the command's exit code. When it dies its terminal closes, and the kernel hangs the
 * command up.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { toFailure } from "../../std/failure.ts";
import { type HolderOrder, readOrder } from "./pty-launch.ts";
import { createPtyLog } from "./pty-log.ts";
import { type PtyProgram, startPtyProgram } from "./pty-program.ts";
import { createScrollBack } from "./pty-scroll-back.ts";
import { createViewers, type Viewers } from "./pty-viewers.ts";

const SCROLL_BACK_BYTES = 256 * 1024;
/** A viewer that is behind holds the program up for so long, then it is skipped ahead. */
const PAUSE_MS = 100;
/** A program that does not end when it is hung up is killed after this. */
const HANG_UP_GRACE_MS = 10_000;
/** How long the end waits for viewers to take its news. */
const FAREWELL_MS = 1_000;
/** Full-screen programs redraw when they see another size; two changes at once they might not see. */
const REDRAW_MS = 50;
const ORCH_FAILED = 125;

const log = createPtyLog(1);

/** The end of a wait for viewers; see Terminal.leaveAfterMs. */
interface Leash {
  hold(): void;
  release(): void;
}

function main(): void {
  const { order, env } = readOrder(process.env);
  const argv = process.argv.slice(2);
  const server = createServer();
  server.on("error", (error) => giveUp(error));
  server.listen(order.socket, () => {
    try {
      chmodSync(order.socket, order.forGroup ? 0o660 : 0o600);
      hold(server, order, argv, env);
    } catch (error) {
      giveUp(error);
      server.close();
    }
  });
}

function giveUp(error: unknown): void {
  const { sentence, hint } = toFailure(error);
  log(Buffer.from(`orch: ${sentence}${hint === undefined ? "" : `; try: ${hint}`}\n`));
  process.exitCode = ORCH_FAILED;
}

function hold(
  server: Server,
  order: HolderOrder,
  argv: readonly string[],
  env: Record<string, string>,
): void {
  const scrollBack = createScrollBack(SCROLL_BACK_BYTES);
  let resumeTimer: NodeJS.Timeout | null = null;
  const resume = (): void => {
    if (resumeTimer !== null) clearTimeout(resumeTimer);
    resumeTimer = null;
    program.resume();
  };
  const waitForViewers = (): void => {
    if (resumeTimer !== null || !viewers.isBehind()) return;
    program.pause();
    resumeTimer = setTimeout(() => {
      viewers.skipBehind();
      resume();
    }, PAUSE_MS);
  };
  const viewers: Viewers = createViewers({
    onInput: (input) => program.type(input),
    onSize: (size) => program.resize(size),
    replay: () => scrollBack.replay(),
    onCome() {
      leash.release();
      if (scrollBack.isAlternate()) redraw(program);
    },
    onAlone(onPurpose) {
      if (!onPurpose) leash.hold();
    },
    onDrain() {
      if (resumeTimer !== null && !viewers.isBehind()) resume();
    },
  });
  const program = startPtyProgram({
    argv,
    env,
    cwd: process.cwd(),
    size: order,
    onOutput(chunk) {
      log(chunk);
      scrollBack.push(chunk);
      viewers.show(chunk);
      waitForViewers();
    },
    onExit: (exitCode) => void end(server, order.socket, viewers, exitCode),
    onInputDrain: () => viewers.resumeInput(),
  });
  const leash = createLeash(order, program);
  leash.hold();
  server.on("connection", viewers.add);
  obeySignals(program);
}

async function end(server: Server, socket: string, viewers: Viewers, exitCode: number): Promise<void> {
  process.exitCode = exitCode;
  server.close();
  await viewers.end(exitCode, FAREWELL_MS);
  rmSync(socket, { force: true });
}

function redraw(program: PtyProgram): void {
  const { columns, rows } = program.size();
  program.resize({ columns, rows: rows === 1 ? 2 : rows - 1 });
  setTimeout(() => {
    const now = program.size();
    // Unless a viewer has chosen another one meanwhile.
    if (now.columns === columns && Math.abs(now.rows - rows) === 1) program.resize({ columns, rows });
  }, REDRAW_MS).unref();
}

function createLeash({ leaveAfterMs }: HolderOrder, program: PtyProgram): Leash {
  let timer: NodeJS.Timeout | null = null;
  const release = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  return {
    release,
    hold() {
      if (leaveAfterMs === null) return;
      release();
      timer = setTimeout(() => {
        log(
          Buffer.from(
            `\r\norch: nobody has been attached for ${Math.round(leaveAfterMs / 1000)} s: hung up\r\n`,
          ),
        );
        hangUp(program);
      }, leaveAfterMs);
      timer.unref();
    },
  };
}

function hangUp(program: PtyProgram): void {
  program.hangUp();
  setTimeout(() => program.kill(), HANG_UP_GRACE_MS).unref();
}

/**
 * Whoever stops a worker sends SIGTERM to all of its programs, so the command has had its own: only to one that ignores
 * it, as interactive shells do, it is said in the way that they understand. The holder itself stays to see the end.
 */
function obeySignals(program: PtyProgram): void {
  process.on("SIGTERM", () => {
    if (program.ignoresTerm()) program.hangUp();
  });
  process.on("SIGHUP", () => hangUp(program));
  process.on("SIGINT", () => hangUp(program));
}

main();
