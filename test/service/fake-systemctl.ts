import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { OrchHome } from "../kit/orch-home.ts";

/** A systemctl that keeps its state in files: what was called, and which units are up and enabled. */
export const FAKE_SYSTEMCTL = `#!/bin/sh
dir=\${0%/*}
[ "$1" = --user ] && shift
[ "$1" = --no-ask-password ] && shift
verb=$1; shift
case $verb in
--version) echo "systemd 252 (252)"; exit ;;
show)
  active=inactive; [ -e "$dir/up.$1" ] && active=active
  enabled=; [ -e "$dir/enabled" ] && enabled=enabled
  printf 'ActiveState=%s\\nUnitFileState=%s\\nMainPID=0\\nNeedDaemonReload=no\\n' "$active" "$enabled"; exit ;;
esac
echo "$verb $*" >> "$dir/calls"
case $verb in
enable) : > "$dir/enabled" ;;
disable) rm -f "$dir/enabled" "$dir"/up.* ;;
start) for unit; do : > "$dir/up.$unit"; done ;;
stop) for unit; do rm -f "$dir/up.$unit"; done ;;
esac
[ ! -e "$dir/fail-$verb" ] || { echo "Failed to $verb: no such luck" >&2; exit 1; }
`;

/** Puts it and other programs into a folder of the home, first in PATH. */
export function fakeSystemctl(
  home: OrchHome,
  programs: Readonly<Record<string, string>> = {},
): { readonly env: Readonly<Record<string, string>>; calls(): string[] } {
  for (const [name, text] of Object.entries({ systemctl: FAKE_SYSTEMCTL, ...programs }))
    home.write(`fake/${name}`, text, 0o755);
  const calls = join(home.dir, "fake/calls");
  return {
    env: {
      PATH: `${join(home.dir, "fake")}:${home.env["PATH"]}`,
      XDG_RUNTIME_DIR: home.dir,
      XDG_CONFIG_HOME: join(home.dir, "config"),
    },
    calls: () => (existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : []),
  };
}
