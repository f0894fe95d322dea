import { type Check, ok } from "./finding.ts";

/** The settings; wrong ones keep the daemon from starting. */
export const checkConfig: Check = {
  name: "config",
  async look(host) {
    // Where it is wrong it says so with file, line and column.
    const { origins } = await host.config;
    const set = Object.values(origins).filter(({ kind }) => kind !== "default").length;
    return [ok("config", `${set} ${set === 1 ? "setting" : "settings"}, ${host.paths.configFile}`)];
  },
};
