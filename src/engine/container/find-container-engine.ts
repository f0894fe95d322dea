import type { Clock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { findProgram } from "../find-program.ts";
import { type ContainerCli, callEngine, engineEnvironment } from "./container-cli.ts";

/** A container engine that answers. */
export interface FoundEngine extends ContainerCli {
  readonly version: string;
  /** It runs as an ordinary user: root inside a container is that user outside. */
  readonly isRootless: boolean;
  /** Knows GPUs by their CDI names. */
  readonly knowsCdi: boolean;
}

export interface EngineChoice {
  /** `auto`, `docker`, `podman`, or the path of one of them. */
  readonly engine: string;
  /** Arguments before every verb. */
  readonly globalArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Finds the container engine of this host. */
export interface ContainerEngines {
  /**
   * The engine that containers are to be run by. Answers are kept for a short while.
   * @throws Failure engine/unavailable with what each candidate said
   */
  find(): Promise<FoundEngine>;
  /** The next `find` asks anew: something the engine said does not fit what it was thought to be. */
  forget(): void;
}

const PROBE_DEADLINE_MS = 5_000;
const KEPT_MS = 60_000;
/** Docker names GPUs by CDI without a switch in its config from here on; podman since 4.1. */
const DOCKER_CDI_SINCE = 28;
const PODMAN_CDI_SINCE = 4.1;

/** Looks for engines in PATH, asks them what they really are, and whether they answer. */
export function createContainerEngines(choice: EngineChoice): ContainerEngines {
  const { clock } = choice;
  let kept: { readonly answer: Promise<FoundEngine>; readonly untilMs: number } | null = null;
  return {
    find() {
      if (kept !== null && clock.monotonicMs() < kept.untilMs) return kept.answer;
      const answer = findEngine(choice);
      const mine = { answer, untilMs: clock.monotonicMs() + KEPT_MS };
      kept = mine;
      // A failure is shared by those who asked meanwhile, and not kept: the engine may be coming up.
      answer.catch(() => {
        if (kept === mine) kept = null;
      });
      return answer;
    },
    forget() {
      kept = null;
    },
  };
}

async function findEngine(choice: EngineChoice): Promise<FoundEngine> {
  const names = choice.engine === "auto" ? ["docker", "podman"] : [choice.engine];
  const reasons: string[] = [];
  for (const name of names) {
    const found = await probe(name, choice);
    if (typeof found !== "string") return found;
    reasons.push(`${name}: ${found}`);
  }
  throw new Failure("engine/unavailable", "no container engine answers", {
    why: reasons.join("; "),
    hint: hintFor(choice, reasons),
  });
}

function hintFor({ engine }: EngineChoice, reasons: readonly string[]): string {
  if (reasons.some((reason) => reason.includes("newuidmap")))
    return "sudo apt-get install uidmap, which podman needs for users other than root";
  if (engine !== "auto") return `check containerEngine, then: ${engine} info`;
  const podman = reasons.find((reason) => reason.startsWith("podman: "));
  return podman === undefined || podman === "podman: not installed"
    ? "start docker, or install podman"
    : "start docker, or mend podman: podman info";
}

/** What the program of this name is, or in words why it is of no use. */
async function probe(name: string, { globalArgs, env, engine }: EngineChoice): Promise<FoundEngine | string> {
  const program = findProgram(name, env["PATH"], "/");
  if (program === null) return "not installed";
  const cli = { command: [program, ...globalArgs], env: engineEnvironment(env) };
  const deadline = { deadlineMs: PROBE_DEADLINE_MS };
  const version = await callEngine(cli, ["--version"], deadline);
  if (version.isMissing) return "not installed";
  // podman under docker's name (the package podman-docker) says who it is.
  const kind = /^(podman|docker) version/i.exec(version.stdout)?.[1]?.toLowerCase();
  if (version.exitCode !== 0 || (kind !== "docker" && kind !== "podman"))
    return version.words || `"${name} --version" says neither docker nor podman`;
  if (engine === "docker" && kind !== "docker")
    return "it is podman under docker's name; set containerEngine: podman";
  const info = await callEngine(cli, ["info", "--format", "{{json .}}"], deadline);
  const answer = info.exitCode === 0 ? parseInfo(kind, info.stdout) : null;
  if (answer === null) return info.words || "it does not say what it is";
  return { ...cli, kind, ...answer };
}

type Info = Pick<FoundEngine, "version" | "isRootless" | "knowsCdi">;

function parseInfo(kind: FoundEngine["kind"], text: string): Info | null {
  try {
    const info = JSON.parse(text) as {
      ServerVersion?: string;
      ServerErrors?: readonly string[];
      SecurityOptions?: readonly string[];
      CDISpecDirs?: readonly string[] | null;
      host?: { security?: { rootless?: boolean } };
      version?: { Version?: string };
    };
    if (kind === "podman") {
      const version = info.version?.Version ?? "";
      const isRootless = info.host?.security?.rootless === true;
      return { version, isRootless, knowsCdi: Number.parseFloat(version) >= PODMAN_CDI_SINCE };
    }
    if (!info.ServerVersion) return null;
    return {
      version: info.ServerVersion,
      isRootless: info.SecurityOptions?.some((option) => option.includes("name=rootless")) === true,
      knowsCdi:
        Number.parseFloat(info.ServerVersion) >= DOCKER_CDI_SINCE || (info.CDISpecDirs?.length ?? 0) > 0,
    };
  } catch {
    return null;
  }
}
