import { spawn } from "node:child_process";
import type { Context } from "./context.ts";
import type { Io } from "./io.ts";

/** A link that logs somebody in, once. */
interface MadeLink {
  readonly url: string;
}

interface Asked<Made extends MadeLink> {
  /** What the link opens, as people call it. */
  readonly what: string;
  /** Path at which the browser ends up. */
  readonly path: string;
  /** `--print`. */
  readonly isPrinted: boolean;
  /** @param bound whether only a browser of the caller's on this host may follow the link */
  readonly make: (bound: boolean) => Promise<Made>;
}

/** Some browsers stay in the foreground: one that has not failed by then is there. */
const OPENED_MS = 3_000;

/** Opens a link in a browser; where there is no display, or `--print`, `--json` or `-q` ask for it, prints it. @returns exit code */
export async function openLink<Made extends MadeLink>(
  { io, out }: Pick<Context, "io" | "out">,
  { what, path, isPrinted, make }: Asked<Made>,
): Promise<number> {
  const isOpened = !isPrinted && !out.format.json && !out.format.quiet && hasDisplay(io);
  const made = await make(isOpened);
  if (isOpened && (await openBrowser(io, made.url))) {
    out.note(`${what} is in your browser: ${new URL(made.url).origin}${path}`);
    return 0;
  }
  out.result(made, { ids: [made.url], text: () => out.print(made.url) });
  if (isOpened) out.note("no browser could be opened here; the link is for one of yours on this host");
  out.hint("the link works once, for five minutes");
  return 0;
}

function hasDisplay({ env }: Io): boolean {
  return Boolean(env["DISPLAY"] || env["WAYLAND_DISPLAY"]);
}

/** Whether it seems to have been opened. Who reads the arguments of processes cannot use the link: it is for the same user. */
async function openBrowser({ env }: Io, url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn("xdg-open", [url], { env, stdio: "ignore", detached: true });
    const timer = setTimeout(() => resolve(true), OPENED_MS);
    const done = (isOpen: boolean): void => {
      clearTimeout(timer);
      resolve(isOpen);
    };
    child.once("error", () => done(false));
    child.once("exit", (code) => done(code === 0));
    child.unref();
  });
}
