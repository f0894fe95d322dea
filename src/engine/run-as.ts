/** As whom a program is run by a daemon of root. */
export interface RunAs {
  /** Absolute path of setpriv of util-linux. */
  readonly setpriv: string;
  readonly uid: number;
  readonly gid: number;
}

/** What the programs of a user get, and the supervisor, which is root's, must never see: see runAsUser. */
const PREFIX = "ORCH_VAR_";

/**
 * Runs as the user already, with the usual umask whatever the daemon's is: what workers write is for others to read. Puts the user's variables in place one by one (`export` takes each as it is: nothing in it is
 * parsed), enters the working directory as the user who has to be able to, and becomes the program.
 */
const ENTER = `_orch_count=$1 _orch_cwd=$2
shift 2
umask 022
while [ "$_orch_count" -gt 0 ]; do
  _orch_count=$((_orch_count - 1))
  eval "export \\"\\$${PREFIX}$_orch_count\\"; unset ${PREFIX}$_orch_count"
done
cd -- "$_orch_cwd" 2>/dev/null || { printf 'orch: the user of this job cannot enter %s\\n' "$_orch_cwd" >&2; exit 126; }
unset _orch_count _orch_cwd OLDPWD
case $1 in
  */*) ;;
  *) command -v -- "$1" >/dev/null 2>&1 || { printf 'orch: %s: no such program\\n' "$1" >&2; exit 127; } ;;
esac
exec "$@"`;

/** What no shell can export: names that are no names, and what shells keep for themselves. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHELLS_OWN = new Set([
  "BASHOPTS",
  "BASH_VERSINFO",
  "EUID",
  "IFS",
  "LINENO",
  "OPTIND",
  "PPID",
  "SHELLOPTS",
  "UID",
]);

/**
 * The command line and the environment that run a program as a user: with the user's groups, without capabilities and with
 * no way to new privileges. The user's variables travel under inert names, since the processes before the change of user are
 * root's, and LD_PRELOAD or PATH of somebody else's choice would make them that one's.
 */
export function runAsUser(
  { setpriv, uid, gid }: RunAs,
  program: {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  },
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const variables = Object.entries(program.env).filter(([name]) => NAME.test(name) && !SHELLS_OWN.has(name));
  const argv = [
    setpriv,
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--init-groups",
    "--no-new-privs",
    "--inh-caps=-all",
    "--",
    "/bin/sh",
    "-c",
    ENTER,
    "orch",
    String(variables.length),
    program.cwd,
    ...program.argv,
  ];
  const env = Object.fromEntries(
    variables.map(([name, value], at) => [`${PREFIX}${at}`, `${name}=${value}`]),
  );
  return { argv, env };
}
