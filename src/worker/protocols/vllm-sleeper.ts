import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { Failure, toFailure } from "../../std/failure.ts";
import type { Nap, Sleeper } from "../protocol.ts";
import { isSuccess, readWhole, refusalOf, type ServiceConnection } from "../service-connection.ts";
import { sleepFailure } from "../sleep-failure.ts";

const IS_SLEEPING = "/is_sleeping";
const Sleeping = z.object({ is_sleeping: z.boolean() });

/**
 * Sleep of vLLM (0.8 and later): `POST /sleep?level=`, `POST /wake_up`, `GET /is_sleeping`. The server has them only with
 * VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode. After level 2 the weights are read again, and what was cached of
 * prompts is dropped.
 * @param onWoken the server is as after a start: its first request is to be tried once more
 */
export function createVllmSleeper(connection: ServiceConnection, onWoken: () => void): Sleeper {
  return {
    sleep: (_endpoint, nap) =>
      within(nap, "sleep", async (signal) => {
        if (await isSleeping(connection, signal)) return;
        await post(connection, `/sleep?level=${nap.level}`, null, signal);
        if (!(await isSleeping(connection, signal)))
          throw new Failure("worker/failed", "the server says that it does not sleep");
      }),
    wake: (_endpoint, nap) =>
      within(nap, "wake", async (signal) => {
        if (await isSleeping(connection, signal)) await post(connection, "/wake_up", null, signal);
        if (nap.level === 2) {
          await post(connection, "/collective_rpc", JSON.stringify({ method: "reload_weights" }), signal);
          await post(connection, "/reset_prefix_cache", null, signal);
        }
        if (await isSleeping(connection, signal))
          throw new Failure("worker/failed", "the server says that it still sleeps");
        onWoken();
      }),
  };
}

async function within(
  { deadlineMs }: Nap,
  what: "sleep" | "wake",
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs)));
  try {
    await work(signal);
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "worker/no-sleep" || failure.code === "bug") throw failure;
    throw sleepFailure(what, signal, deadlineMs, failure.sentence);
  }
}

async function isSleeping(connection: ServiceConnection, signal: AbortSignal): Promise<boolean> {
  const answer = await ask(connection, "GET", IS_SLEEPING, null, signal);
  const body = (await readWhole(answer)).toString("utf8");
  const state = parse(body);
  if (state !== null) return state;
  throw new Failure("worker/failed", `the server's answer to GET ${IS_SLEEPING} is not {"is_sleeping": …}`);
}

function parse(body: string): boolean | null {
  try {
    return Sleeping.safeParse(JSON.parse(body)).data?.is_sleeping ?? null;
  } catch {
    return null;
  }
}

async function post(
  connection: ServiceConnection,
  path: string,
  body: string | null,
  signal: AbortSignal,
): Promise<void> {
  await readWhole(await ask(connection, "POST", path, body, signal));
}

async function ask(
  connection: ServiceConnection,
  method: "GET" | "POST",
  path: string,
  body: string | null,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answer = await connection.ask({ method, path, body, signal });
  if (answer instanceof Error)
    throw new Failure("worker/failed", `the server cannot be reached: ${answer.message}`);
  if (isSuccess(answer)) return answer;
  const { statusCode } = answer;
  const refusal = await refusalOf(answer, `${method} ${path}`);
  if (statusCode !== 404 && statusCode !== 405 && statusCode !== 501) throw refusal;
  throw new Failure("worker/no-sleep", `the server has no ${method} ${path}`, {
    hint: "start vLLM with VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode, or take sleep out of runtime.yaml",
  });
}
