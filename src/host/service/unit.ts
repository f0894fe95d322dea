import { dirname } from "node:path";
import type { Environment } from "../../config/paths.ts";
import { SERVICE_UNIT, type ServiceScope, SOCKET_UNIT } from "./scope.ts";

/** What the unit files depend on. */
export interface UnitFacts {
  readonly scope: ServiceScope;
  /** Program and its first arguments, absolute: what `orch` is run by. */
  readonly program: readonly string[];
  /** The Unix group that is served; null = only the daemon's own user and root. */
  readonly group: string | null;
  readonly env: Environment;
  /** 0 where it is not known. */
  readonly systemdVersion: number;
}

/** A unit file as it is to be. */
export interface UnitFile {
  readonly name: typeof SERVICE_UNIT | typeof SOCKET_UNIT;
  readonly text: string;
}

/** What the programs of a user may need to be found and to find their files: it is not in the environment of systemd. */
export const CARRIED: readonly string[] = [
  "PATH",
  "LD_LIBRARY_PATH",
  "CUDA_HOME",
  "HF_HOME",
  "XDG_CONFIG_HOME",
  "XDG_STATE_HOME",
  "XDG_CACHE_HOME",
];
/** From here on systemd puts the daemon into a group of its own below the one that is delegated. */
const SUBGROUP_SINCE = 254;

/** Both unit files: the service, and the socket that is there before it, and while it is restarted. */
export function unitFiles(facts: UnitFacts): readonly UnitFile[] {
  return [
    { name: SERVICE_UNIT, text: serviceText(facts) },
    { name: SOCKET_UNIT, text: socketText(facts) },
  ];
}

function serviceText(facts: UnitFacts): string {
  const { scope, program } = facts;
  const isSystem = scope.kind === "system";
  return `# Written by "orch service install", which writes it anew: changes belong into ${SERVICE_UNIT}.d/*.conf
[Unit]
Description=orch, the GPU scheduler of this ${isSystem ? "machine" : "user"}
Documentation=man:orch(1) man:orch-service(1)
${isSystem ? "After=network.target nvidia-persistenced.service docker.service podman.socket\n" : ""}${scope.home === null ? "" : `RequiresMountsFor=${quote(scope.home)}\n`}StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
# ${isSystem ? "Jobs of users live in this service, too: they must not be able to speak for it." : "All in this service is one user's; without koffi a helper program has to speak for the daemon."}
NotifyAccess=${isSystem ? "main" : "all"}
ExecStart=${[...program, "daemon"].map(quoteArgument).join(" ")}
${environmentLines(facts)}${isSystem ? systemFolders(facts) : ""}# The event loop has to turn: a daemon that hangs is replaced.
WatchdogSec=30
WatchdogSignal=SIGKILL
Restart=on-failure
RestartSec=3
# Wrong settings, missing rights, another daemon: trying again would not help.
RestartPreventExitStatus=2 4 6
TimeoutStartSec=5min
TimeoutStopSec=60
# Only the daemon is stopped. Jobs and workers live on over a restart or an upgrade, and the next daemon takes them over;
# "orch down --kill" ends them, too.
KillMode=process
OOMPolicy=continue
TasksMax=infinity
# Every worker gets a control group of its own.
Delegate=yes
${facts.systemdVersion >= SUBGROUP_SINCE ? "DelegateSubgroup=daemon\n" : ""}${isSystem ? SYSTEM_RIGHTS : ""}
[Install]
WantedBy=${isSystem ? "multi-user.target" : "default.target"}
Also=${SOCKET_UNIT}
`;
}

/**
 * What is shut here is shut for all programs of all users, so this is little: each job has its user's rights and no_new_privs.
 * Left out, with why:
 * - DeviceAllow=, PrivateDevices=, ProtectClock= (it implies DeviceAllow=): hide GPUs, whose devices have other names with
 *   every driver;
 * - MemoryDenyWriteExecute=: CUDA's compiler and V8 write code into memory;
 * - ProtectHome=, PrivateTmp=, ProtectSystem=: scripts and caches of users lie there, and engines mount;
 * - ProtectKernelModules=, ProtectKernelTunables=: CUDA loads nvidia-uvm, container networks set sysctls;
 * - ProtectControlGroups=, RestrictNamespaces=, PrivateUsers=, RestrictSUIDSGID=: workers get groups, containers are built;
 * - ProtectProc=: memory of GPUs is put down to processes;
 * - LockPersonality=, SystemCallArchitectures=, RestrictAddressFamilies=: debuggers, sanitizers, 32-bit programs, NCCL.
 */
const SYSTEM_RIGHTS = `# Little is shut here: whatever is shut is shut for the programs of all users, and GPUs, CUDA and containers need much.
CapabilityBoundingSet=~CAP_SYS_BOOT CAP_SYS_TIME CAP_SYS_PACCT CAP_WAKE_ALARM
RestrictRealtime=yes
# Pinned memory of CUDA and NCCL is locked memory.
LimitMEMLOCK=infinity
`;

function environmentLines({ scope, env }: UnitFacts): string {
  const carried = scope.kind === "system" ? [] : CARRIED.flatMap((name) => pair(name, env[name]));
  const own = [
    ...pair("ORCH_HOME", scope.home ?? undefined),
    ...(scope.kind === "system" || env["ORCH_SOCKET"] ? pair("ORCH_SOCKET", scope.socket) : []),
  ];
  return [...own, ...carried].map(([name, value]) => `Environment=${quote(`${name}=${value}`)}\n`).join("");
}

function pair(name: string, value: string | undefined): [string, string][] {
  return value === undefined || value === "" || /[\n\r]/.test(value) ? [] : [[name, value]];
}

/** Users reach what is theirs below it by name; nobody but root can list it. */
function systemFolders({ scope, group }: UnitFacts): string {
  if (scope.home !== "/var/lib/orch") return "";
  return `StateDirectory=orch\nStateDirectoryMode=${group === null ? "0700" : "0711"}\n`;
}

function socketText({ scope, group }: UnitFacts): string {
  const dir = dirname(scope.socket);
  // RuntimeDirectory= of the service would take the folder away from the group at each start, for as long as that takes.
  const folder =
    group === null
      ? "DirectoryMode=0700\n"
      : `ExecStartPre=/usr/bin/install -d -m 0750 -g ${quoteArgument(group)} ${quoteArgument(dir)}\nSocketGroup=${quote(group)}\n`;
  return `# Written by "orch service install", which writes it anew: changes belong into ${SOCKET_UNIT}.d/*.conf
[Unit]
Description=Socket of orch, the GPU scheduler
Documentation=man:orch-service(1)

[Socket]
# Clients that come while the daemon is restarted wait instead of failing.
ListenStream=${scope.socket.replaceAll("%", "%%")}
SocketMode=${group === null ? "0600" : "0660"}
${folder}
[Install]
WantedBy=sockets.target
`;
}

/** As systemd.syntax(7) reads it; "%" begins a specifier. */
function quote(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return /[\s"'\\;]/.test(text) ? `"${escaped}"` : escaped;
}

/** In a command line "$" begins a variable, too. */
function quoteArgument(text: string): string {
  return quote(text).replaceAll("$", "$$$$");
}
