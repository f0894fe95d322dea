import { FAKE_SYSTEMCTL } from "../../service/fake-systemctl.ts";
import type { GoldenCase } from "./golden-case.ts";

// Commands about the machine: what differs from one to the next is given to them, or taken out of what they print.

/** No process has it: Linux counts to 4194304 at most. */
const NO_PID = 4_194_305;

const units = { XDG_CONFIG_HOME: "DIR/config", XDG_RUNTIME_DIR: "DIR" };
/** What its host would decide, or the tests' own environment. */
const settings = { ORCH_CPU_CORES: "8", ORCH_AUTOSTART: "" };
const trace = "arrival_s,model,run_s\n0,a,5\n1,a,5\n2,b,3\n";
const withoutVersion = (text: string): string => text.replace(/("version": )"[^"]+"/, '$1"VERSION"');

/** By the command's name. */
export const hostCases: Readonly<Record<string, GoldenCase>> = {
  sim: {
    argv: ["sim", "-", "--switch", "10s", "--policy", "orch,eager"],
    stdin: trace,
    answers: {},
    wrong: { argv: ["sim", "-", "--policy", "orhc"] },
  },
  down: {
    argv: ["down"],
    answers: { "POST /shutdown": () => ({ pid: NO_PID }) },
    wrong: { argv: ["down", "--drain", "--kill"] },
  },
  doctor: {
    argv: ["doctor", "config"],
    env: settings,
    files: { "config.yaml": "quantumFactor: 4\n" },
    answers: {},
    clean: withoutVersion,
    wrong: { argv: ["doctor", "confg"] },
  },
  "doctor of a broken host": {
    of: "doctor",
    argv: ["doctor", "config"],
    env: settings,
    files: { "config.yaml": "gpu: auto\n" },
    answers: {},
    clean: withoutVersion,
    wrong: { argv: ["doctor", "--fix"] },
  },
  "bug-report": {
    argv: ["bug-report"],
    env: settings,
    files: {},
    answers: {},
    clean: (text) => text.replace(/"bytes": \d+/, '"bytes": BYTES'),
    wrong: { argv: ["bug-report", "-"] },
  },
  completion: { argv: ["completion", "bash"], answers: {}, wrong: { argv: ["completion", "tcsh"] } },
  "config ls": {
    argv: ["config", "ls"],
    env: settings,
    files: { "config.yaml": "quantumFactor: 4\nlogMaxAge: 7d\n" },
    answers: {},
    wrong: { argv: ["config", "list"] },
  },
  "config explain": {
    argv: ["config", "explain", "quantumFactor"],
    env: settings,
    files: { "config.yaml": "quantumFactor: 4\n" },
    answers: {},
    wrong: { argv: ["config", "explain", "quantumfactor"] },
  },
  "service install": {
    argv: ["service", "install", "--user", "--print"],
    env: units,
    files: { "bin/systemctl": FAKE_SYSTEMCTL },
    answers: {},
    wrong: { argv: ["service", "install", "--user", "--system"] },
  },
  "service status": {
    argv: ["service", "status", "--user"],
    env: units,
    files: {
      "bin/systemctl": FAKE_SYSTEMCTL,
      "bin/up.orch.service": "",
      "bin/enabled": "",
      "config/systemd/user/orch.service": "[Service]\n",
    },
    answers: {},
    wrong: { argv: ["service", "status", "--users"] },
  },
  "service logs": {
    argv: ["service", "logs", "--user", "-n", "5"],
    env: units,
    files: { "bin/journalctl": '#!/bin/sh\necho "journalctl $*"\n' },
    answers: {},
    wrong: { argv: ["service", "logs", "-n", "many"] },
  },
  "service uninstall": {
    argv: ["service", "uninstall", "--user"],
    env: units,
    files: {
      ...{ "bin/docker": "#!/bin/sh\nexit 1\n", "bin/podman": "#!/bin/sh\nexit 0\n" },
      "bin/systemctl": FAKE_SYSTEMCTL,
      "bin/up.orch.service": "",
      "config/systemd/user/orch.service": "[Service]\n",
      "config/systemd/user/orch.socket": "[Socket]\n",
    },
    answers: {},
    wrong: { argv: ["service", "uninstall", "now"] },
  },
  metrics: {
    argv: ["metrics"],
    answers: { "GET /metrics": () => ({ contentType: "text/plain", text: "orch_stopping 0\n" }) },
    wrong: { argv: ["metrics", "--openmetric"] },
  },
};
