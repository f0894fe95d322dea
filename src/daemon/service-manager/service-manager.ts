import { type Notify, openNotifySocket } from "./notify-socket.ts";

/** What the daemon tells the service manager that started it. Does nothing where none listens. */
export interface ServiceManager {
  /**
   * The daemon serves from now on. Begins to prove that the event loop turns, if the manager asked for that.
   * @param status one line on how things are, shown by `systemctl status`; asked every few seconds
   */
  ready(status: () => string): void;
  /** It has begun to put things away; nothing will be served any more. */
  stopping(): void;
}

/** Variables of sd_notify(3), sd_watchdog_enabled(3). */
const OURS = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;
const LOOK_MS = 10_000;
const RETRY_MS = 100;

/**
 * Meets the service manager that the environment names.
 * @param env as the manager set it; what only the daemon was meant to see is taken out, so that no program inherits it
 */
export function meetServiceManager(env: NodeJS.ProcessEnv, pid: number): ServiceManager {
  const notify = env["NOTIFY_SOCKET"] === undefined ? null : openNotifySocket(env["NOTIFY_SOCKET"]);
  const watchdogMs = watchdogOf(env, pid);
  for (const name of OURS) delete env[name];
  if (notify === null) return { ready: () => undefined, stopping: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  let told = "";
  const tell = (status: () => string): void => {
    const line = statusLine(status);
    // From a timer of this very loop: while it stands still nothing is sent, and that is the point.
    const beat = watchdogMs === null ? [] : ["WATCHDOG=1"];
    if (line === told && beat.length === 0) return;
    if (notify([...beat, ...(line === told ? [] : [line])].join("\n"))) told = line;
  };
  return {
    ready(status) {
      sendSurely(notify, `READY=1\n${statusLine(status)}`);
      // Half of what the manager allows, as sd_watchdog_enabled(3) asks for.
      timer = setInterval(() => tell(status), Math.min(LOOK_MS, (watchdogMs ?? LOOK_MS * 2) / 2));
      timer.unref();
    },
    stopping() {
      clearInterval(timer);
      notify("STOPPING=1\nSTATUS=stopping; jobs and workers go on");
    },
  };
}

/** Without this word the manager would give the daemon up: a queue that is full for a moment must not lose it. */
function sendSurely(notify: Notify, message: string): void {
  if (!notify(message)) setTimeout(() => sendSurely(notify, message), RETRY_MS).unref();
}

/** Milliseconds after which the manager thinks us dead; null when it does not watch this process. */
function watchdogOf(env: NodeJS.ProcessEnv, pid: number): number | null {
  const microseconds = Number(env["WATCHDOG_USEC"] ?? "");
  const watched = env["WATCHDOG_PID"] === undefined || env["WATCHDOG_PID"] === String(pid);
  return watched && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1000 : null;
}

/** A line that cannot be had is no reason to end. */
function statusLine(status: () => string): string {
  try {
    return `STATUS=${status().replace(/\s+/g, " ")}`;
  } catch {
    return "STATUS=the state cannot be read; orch status";
  }
}
