/** What orch decides about each container itself, and what would go wrong if somebody else did. */
const OURS: Readonly<Record<string, string>> = {
  "--rm": "orch reads how it ended before it removes it",
  "--detach": "orch runs it in the foreground, and by its end knows the worker's",
  "--name": "orch finds it again by the name that it gives",
  "--replace": "it would remove a container that somebody runs",
  "--cidfile": "orch finds it again by the id in a file of its own",
  "--restart":
    "orch decides whether a worker is started again; one that comes back by itself would hold a GPU twice",
  "--pod": "a container of a pod is neither started nor stopped alone",
  "--pod-id-file": "a container of a pod is neither started nor stopped alone",
  "--rmi": "orch needs the image for the next worker",
  "--pull": "orch pulls images before a GPU is held for them",
  "--log-driver": "its output goes into the worker's log, and nowhere else",
  "--attach": "all of its output goes into the worker's log",
  "--tty": "its output goes into a log; for terminals there is orch run --pty",
  "--interactive": "nobody is there to type",
  "--sig-proxy": "orch stops it by the engine, whose client has to live on",
  "--gpus": "it gets the GPUs of its lease, and no others",
};

/** The one-letter flags without a value: several may stand together, as in -dit. The others take what follows. */
const SHORT: Readonly<Record<string, string>> = {
  d: "--detach",
  t: "--tty",
  i: "--interactive",
  a: "--attach",
};
const SHORT_WITHOUT_VALUE = new Set(["d", "i", "t", "P", "q"]);

/** Names of GPUs for engines (CDI): which ones it sees is for the lease to say. */
const GPU_DEVICE = /^--device=(?:nvidia|amd)\.com\/gpu=/;
const OWN_LABEL = /^(?:--label=|-l=?)io\.orch\./;

/**
 * Why somebody may not add this argument to a container engine's `run`, or null. Only what stands in one word is looked at: a
 * value in a word of its own can be anything.
 */
export function whyNotContainerArg(arg: string): string | null {
  if (arg.includes("\0")) return "it holds a NUL character";
  if (arg === "--" || arg === "-") return "what follows it would be the image";
  if (GPU_DEVICE.test(arg)) return OURS["--gpus"] ?? null;
  if (OWN_LABEL.test(arg)) return "orch finds it again by these labels";
  const name = arg.startsWith("--") ? (arg.split("=", 1)[0] ?? "") : longName(arg);
  return name === null ? null : (OURS[name] ?? null);
}

function longName(arg: string): string | null {
  if (!arg.startsWith("-")) return null;
  for (const letter of arg.slice(1)) {
    const name = SHORT[letter];
    if (name !== undefined) return name;
    if (!SHORT_WITHOUT_VALUE.has(letter)) return null;
  }
  return null;
}
