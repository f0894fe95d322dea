// Imports point one way. Each rule names what may be imported; the reasons are in ARCHITECTURE.md.
const only = (name, from, to, extra = {}) => ({
  name,
  severity: "error",
  from: { path: `^src/${from}/` },
  to: { path: "^src/", pathNot: `^src/(${to})/`, ...extra },
});
const native = (library, allowed) => ({
  name: `one-importer-of-${library.replace(/\W/g, "-")}`,
  severity: "error",
  from: { path: "^src/", pathNot: allowed },
  to: { path: `(^|node_modules/)${library}(/|$)` },
});

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: {
        orphan: true,
        path: "^src/",
        pathNot: "(cli/main|gpu/nvml/nvml-helper|gpu/amd/amd-helper|gpu/freeze/freeze-helper|sim/main)\\.ts$",
      },
      to: {},
    },
    only("std-knows-nothing", "std", "std"),
    {
      name: "scheduler-is-pure",
      severity: "error",
      from: { path: "^src/scheduler/" },
      to: { pathNot: "^(src/(scheduler|std)/|node_modules/cron-parser/)" },
    },
    only("protocol-stands-alone", "protocol", "protocol|std|scheduler"),
    only("store-stands-alone", "store", "store|std|scheduler"),
    only("gpu-stands-alone", "gpu", "gpu|std|scheduler"),
    only("engine-stands-alone", "engine", "engine|std|scheduler"),
    only("worker-stands-alone", "worker", "worker|std|scheduler"),
    only("runtime-stands-alone", "runtime", "runtime|std|scheduler"),
    only("tasks-are-documents", "tasks", "tasks|runtime|std"),
    only("config-stands-alone", "config", "config|std|scheduler"),
    only("log-stands-alone", "log", "log|std"),
    only("sim-drives-the-scheduler", "sim", "sim|scheduler|std"),
    only("replay-drives-the-scheduler", "replay", "replay|scheduler|std"),
    only(
      "operations-reach-the-world-through-ctx",
      "operations",
      "operations|protocol|store|gpu|engine|worker|runtime|tasks|log|scheduler|std",
    ),
    only("page-sees-types-of-operations", "web", "web|std", { dependencyTypesNot: ["type-only"] }),
    only("page-sees-operations-and-their-views", "web", "web|std|protocol|operations"),
    only("gateway-gets-the-daemon-by-a-port", "gateway", "gateway|operations|protocol|std"),
    only("client-sees-operations-as-types", "client", "client|config|std", {
      dependencyTypesNot: ["type-only"],
    }),
    only("host-looks-at-the-machine", "host", "host|client|config|gpu|engine|runtime|log|std|scheduler", {
      dependencyTypesNot: ["type-only"],
    }),
    {
      name: "cli-sees-the-client",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "^src/cli/commands/daemon\\.ts$" },
      to: {
        path: "^src/",
        pathNot:
          "^src/((cli|client|config|std)/|tui/main\\.tsx$|(replay/main|host/main|protocol/(list-fields|worker-states))\\.ts$)",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      // `orch sim` asks no daemon: it runs the scheduler itself. It imports it only when invoked, since the replay is a
      // bundle of its own that no other command should pay for.
      name: "only-sim-command-replays",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(replay/|cli/commands/sim\\.ts$)" },
      to: { path: "^src/replay/" },
    },
    {
      name: "sim-command-loads-the-replay-late",
      severity: "error",
      from: { path: "^src/cli/commands/sim\\.ts$" },
      to: { path: "^src/replay/", dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      // As the replay: what looks at the host brings engines and drivers along, which no other command should pay for.
      name: "host-is-loaded-late",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/host/" },
      to: { path: "^src/host/", dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "tui-sees-the-client-and-texts",
      severity: "error",
      from: { path: "^src/tui/" },
      to: {
        path: "^src/",
        pathNot: "^src/((tui|client|config|std)/|cli/text/)",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      // Ink and React take longer to load than most commands take in all.
      name: "tui-is-loaded-late",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/tui/" },
      to: { path: "^src/tui/", dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "only-daemon-command-starts-the-daemon",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(daemon/|cli/commands/daemon\\.ts$)" },
      to: { path: "^src/daemon/" },
    },
    native("better-sqlite3", "^src/store/database\\.ts$"),
    native("execa", "^src/engine/"),
    native("chalk", "^src/cli/output\\.ts$"),
    native("commander", "^src/cli/"),
    native("cron-parser", "^src/scheduler/recurrence\\.ts$"),
    native("koffi", "^src/(gpu/(nvml/nvml|freeze/cuda)-library|daemon/http/peer-credentials)\\.ts$"),
    native("yaml", "^src/((runtime|config|gateway/compat)/|cli/text/yaml-text\\.ts$)"),
    native("pino", "^src/daemon/"),
    native("@fastify/busboy", "^src/gateway/read-form\\.ts$"),
    native("ink", "^src/tui/"),
    native("react", "^src/tui/"),
    native("preact", "^src/web/"),
    native("uplot", "^src/web/parts/chart\\.tsx$"),
    native("node-pty", "^src/engine/terminal/pty"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"] },
  },
};
