import type { ContainerRef } from "./container-cli.ts";

/** The label by which containers of one state directory are told from everybody else's. */
export const INSTANCE_LABEL = "io.orch.instance";
/** In the control folder: the container has ended, so the engine has not to be asked any more. */
export const ENDED_MARK = "ended";
/** In the control folder: the id of the container, written by the engine when it has made it. */
export const ID_FILE = "cid";

/**
 * Runs the engine in the foreground, so that the program's output goes straight to the worker's log and its exit code
 * comes back; the supervisor above it (supervise.ts) records that. The daemon removes what is left. $1 control folder, $2 name, $3 instance, $4 how many
 * words the engine's command has, then the whole `run`.
 *
 * - The labels are taken away first: what engines leave running (podman's monitors) must not look like the worker.
 * - 125 without an id is a container that was never made. If the name is taken by one of ours, an earlier life of this
 *   state directory left it: it is removed and the start tried once more.
 * - Codes below 125 are the container's own, and so is 143, since the client hands TERM on. Others may mean that the engine's client died before its container did: `rm`
 *   without -f refuses one that runs, so its real end is waited for. An engine that does not answer says nothing, and is
 *   asked again.
 */
const SCRIPT = `_orch_dir=$1 _orch_name=$2 _orch_instance=$3 _orch_words=$4
shift 4
unset ORCH_WORKER ORCH_INSTANCE
trap : TERM INT HUP
_orch_run() { "$@"; _orch_code=$?; }
_orch_ours() { "$@" ps -aq --filter "name=^$_orch_name\\$" --filter "label=${INSTANCE_LABEL}=$_orch_instance"; }
_orch_engine() {
  _orch_place=0
  for _orch_word do
    shift
    _orch_place=$((_orch_place + 1))
    [ "$_orch_place" -gt "$_orch_words" ] || set -- "$@" "$_orch_word"
  done
  if [ -n "$_orch_verb" ]; then "$@" "$_orch_verb" $_orch_flag "$_orch_name"; else _orch_ours "$@"; fi
}
_orch_ask() { _orch_verb=$1 _orch_flag=$2; shift 2; _orch_engine "$@" 2>/dev/null; }
_orch_run "$@"
if [ "$_orch_code" -lt 125 ] || { [ "$_orch_code" = 143 ] && [ -s "$_orch_dir/${ID_FILE}" ]; }; then
  : >"$_orch_dir/${ENDED_MARK}"
  exit "$_orch_code"
fi
if [ "$_orch_code" = 125 ] && [ ! -s "$_orch_dir/${ID_FILE}" ] && [ -n "$(_orch_ask '' '' "$@")" ]; then
  echo "orch: the name $_orch_name was taken by a container that was left over; it is removed" >&2
  _orch_ask rm -f "$@" >/dev/null
  _orch_run "$@"
fi
until _orch_ask rm '' "$@" >/dev/null; do
  if _orch_found=$(_orch_ask '' '' "$@"); then
    [ -n "$_orch_found" ] || break
    _orch_waited=$(_orch_ask wait '' "$@") && _orch_code=$_orch_waited
  fi
  [ -x "$1" ] || break
  sleep 1
done
: >"$_orch_dir/${ENDED_MARK}"
exit "$_orch_code"`;

/** The argv that runs a container to its end and removes it, for the supervisor. */
export function containerRunner(
  { command, name }: ContainerRef,
  dir: string,
  instanceId: string,
  run: readonly string[],
): readonly string[] {
  return ["/bin/sh", "-c", SCRIPT, "orch-container", dir, name, instanceId, String(command.length), ...run];
}
