import { command } from "../command.ts";
import { openLink } from "../open-link.ts";

interface Options {
  readonly print?: boolean;
}

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
  async run(context, _args, options) {
    const client = await context.connect();
    return openLink(context, {
      what: "the dashboard",
      path: "/dashboard",
      isPrinted: options.print === true,
      make: (bound) => client.call("POST /logins", { bound }),
    });
  },
});
