import { existsSync } from "node:fs";
import { type Clock, systemClock } from "../../std/clock.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { builtProgram } from "../../std/package-root.ts";
import { createRestartLimit, type RestartLimit } from "../restart-limit.ts";
import { type Hello, type HelperChild, type HelperLaunch, startHelper } from "./nvml-helper-child.ts";
import type { HelperOperation } from "./nvml-wire.ts";

export interface NvmlClientOptions {
  /** The built helper program. Default: dist/nvml-helper.js of this package. */
  readonly helperPath?: string | undefined;
  /** libnvidia-ml to open. Default: ORCH_NVML_LIBRARY, else the usual places. */
  readonly libraryPath?: string | undefined;
  /** Default: the daemon's own environment. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly clock?: Clock | undefined;
  /**
   * How long nvmlInit may take. Without the persistence daemon it wakes every board, which takes seconds on a
   * large host; so the start has its own limit and calls that end sooner do not kill the helper for it.
   */
  readonly startTimeoutMs?: number | undefined;
  /** Whom the helper talks to. Default: the NVIDIA driver. */
  readonly driver?: HelperDriver | undefined;
}

/** What people read of a driver, and how its helper is found. */
export interface HelperDriver {
  /** "the NVIDIA driver". */
  readonly name: string;
  /** "NVML". */
  readonly way: string;
  readonly program: string;
  /** A command that says more. */
  readonly hint: string;
}

const nvidiaDriver: HelperDriver = {
  name: "the NVIDIA driver",
  way: "NVML",
  program: "nvml-helper",
  hint: "nvidia-smi",
};

/** After so many refused calls in a row the helper is replaced: a fresh nvmlInit may see what this one cannot. */
const refusalsUntilReplaced = 10;

/** Keeps one helper of a driver running and replaces it when it hangs or dies. */
export class NvmlClient {
  private readonly options: NvmlClientOptions;
  private readonly clock: Clock;
  private readonly driver: HelperDriver;
  private readonly limit: RestartLimit;
  private helper: HelperChild | null = null;
  /** What the last helper said at its start; "absent" when there is no program to start. */
  private lastHello: Hello | "absent" | null = null;
  private refusals = 0;
  private closed = false;

  constructor(options: NvmlClientOptions = {}) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.driver = options.driver ?? nvidiaDriver;
    this.limit = createRestartLimit(this.clock);
  }

  /**
   * Asks the helper, which is started when there is none.
   * @throws Failure native/missing or gpu/unavailable, within `deadlineMs` in any case.
   */
  async request(op: HelperOperation, deadlineMs: number): Promise<unknown> {
    const helper = this.helper ?? this.start();
    let askedAtMs: number | null = null;
    const answer = this.greet(helper).then(() => {
      askedAtMs = this.clock.monotonicMs();
      return this.ask(helper, op);
    });
    return this.raceDeadline(answer, deadlineMs, () => {
      if (askedAtMs === null) return `${this.driver.way} is still starting`;
      // A helper that became ready late in this call's time is not yet a hung one; the next call will tell.
      const silentMs = this.clock.monotonicMs() - askedAtMs;
      const isHung = silentMs >= deadlineMs / 2;
      if (isHung) this.abandon(helper, `${this.driver.way} did not answer "${op}" within ${deadlineMs} ms`);
      return "the call hangs inside the driver";
    });
  }

  /** As the driver says it ("570.86.15"), once it answered. */
  driverVersion(): string | null {
    const hello = this.lastHello;
    return hello !== "absent" && hello?.hello === "ready" ? hello.driverVersion : null;
  }

  /** False when the helper, koffi or the library is known to be absent. */
  isInstalled(): boolean {
    const hello = this.lastHello;
    return hello !== "absent" && !(hello?.hello === "failed" && hello.stage === "load");
  }

  /** Ends the helper by closing its stdin; one that does not end within a second is killed and left. */
  async close(): Promise<void> {
    this.closed = true;
    const helper = this.helper;
    if (!helper) return;
    const ended = new Promise<void>((resolve) => {
      helper.process.once("close", () => resolve());
      setTimeout(resolve, 1000).unref();
    });
    helper.process.stdin?.end();
    await ended;
    helper.abandon("the probe is closed");
  }

  private start(): HelperChild {
    const why = this.closed ? "the probe is closed" : this.limit.refusal();
    if (why !== null) throw this.unavailable(`${this.driver.name} cannot be asked now`, why);
    const helper = startHelper(this.toLaunch(), this.driver, (reason) => {
      clearTimeout(timer);
      if (this.helper === helper) this.helper = null;
      this.limit.failed(reason);
    });
    const startTimeoutMs = this.options.startTimeoutMs ?? 30_000;
    const timer = setTimeout(
      () => this.abandon(helper, `${this.driver.way} did not start within ${startTimeoutMs} ms`),
      startTimeoutMs,
    );
    timer.unref();
    helper.hello.finally(() => clearTimeout(timer)).catch(() => {});
    this.helper = helper;
    return helper;
  }

  /** Waits for the helper's hello; one that cannot work is let go. */
  private async greet(helper: HelperChild): Promise<void> {
    const hello = await helper.hello;
    this.lastHello = hello;
    if (hello.hello === "ready") return;
    const failure = Failure.fromBody(hello.failure);
    this.abandon(helper, failure.why === undefined ? failure.message : `${failure.message} (${failure.why})`);
    throw failure;
  }

  private async ask(helper: HelperChild, op: HelperOperation): Promise<unknown> {
    try {
      const value = await helper.ask(op);
      this.refusals = 0;
      this.limit.succeeded();
      return value;
    } catch (error) {
      this.refusals += 1;
      if (this.refusals >= refusalsUntilReplaced) {
        this.refusals = 0;
        this.abandon(helper, toFailure(error).message);
      }
      throw error;
    }
  }

  private toLaunch(): HelperLaunch {
    const { env = process.env, libraryPath = env["ORCH_NVML_LIBRARY"] ?? null } = this.options;
    const { program } = this.driver;
    const built = builtProgram(program);
    const helperPath = this.options.helperPath ?? (existsSync(built) ? built : null);
    if (helperPath !== null) return { helperPath, libraryPath, env };
    this.lastHello = "absent";
    throw new Failure("gpu/unavailable", `the program ${program}.js is missing`, {
      why: "it is built next to the daemon",
      hint: "npm run build",
    });
  }

  private abandon(helper: HelperChild, reason: string): void {
    helper.abandon(reason);
    this.limit.watchDying(helper.process);
  }

  /** Rejects with gpu/unavailable after `deadlineMs`; `onExpiry` acts on it and says why. */
  private async raceDeadline<T>(answer: Promise<T>, deadlineMs: number, onExpiry: () => string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const expiry = new Promise<never>((_, reject) => {
      const expire = (): void =>
        reject(this.unavailable(`${this.driver.name} gave no answer within ${deadlineMs} ms`, onExpiry()));
      timer = setTimeout(expire, deadlineMs);
    });
    try {
      return await Promise.race([answer, expiry]);
    } catch (error) {
      throw toFailure(error);
    } finally {
      clearTimeout(timer);
    }
  }

  private unavailable(message: string, why: string): Failure {
    return new Failure("gpu/unavailable", message, { why, hint: this.driver.hint });
  }
}
