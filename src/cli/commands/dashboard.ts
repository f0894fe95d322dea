import { spawn } from "node:child_process";
import { command } from "../command.ts";
import type { Io } from "../io.ts";

interface Options {
  readonly print?: boolean;
}

/** Some browsers stay in the foreground: one that has not failed by then is there. */
const OPENED_MS = 3_000;

export const dashboard = command<Options>({
  name: "dashboard",
  summary:
    "Open the dashboard in a browser, logged in; where there is no display, print a link that does it once",
  examples: [
    "orch dashboard",
    "orch dashboard --print",
    "ssh -L 7707:127.0.0.1:7707 HOST orch dashboard --print",
  ],
  describe: (parser) => parser.option("--print", "print the link alone; it works in any browser, once"),
  async run({ io, out, connect }, _args, options) {
    const isOpened = options.print !== true && !out.format.json && !out.format.quiet && hasDisplay(io);
    const client = await connect();
    const made = await client.call("POST /logins", { bound: isOpened });
    if (isOpened && (await openBrowser(io, made.url))) {
      out.note(`the dashboard is in your browser: ${new URL(made.url).origin}/dashboard`);
      return 0;
    }
    out.result(made, { ids: [made.url], text: () => out.print(made.url) });
    if (isOpened) out.note("no browser could be opened here; the link is for one of yours on this host");
    out.hint("the link works once, for five minutes");
    return 0;
  },
});

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
