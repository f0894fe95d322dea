import type { RuntimeDetail } from "../../../src/protocol/learned-view.ts";
import type { JobView, ParamView } from "../../../src/protocol/views.ts";
import { Failure } from "../../../src/std/failure.ts";
import { type SocketServer, serveAnswers } from "../../client/socket-server.ts";
import { finishedJob, gpuView, jobView, sdxl, workerView } from "../sample-views.ts";

const param = (changes: Partial<ParamView>): ParamView => ({
  name: "prompt",
  type: "string",
  required: false,
  help: "what to draw",
  load: false,
  accept: [],
  ...changes,
});

/** A runtime whose values are hard to quote. */
const paint: RuntimeDetail = {
  ...sdxl,
  name: "paint",
  summary: "Pictures from words",
  params: [
    param({ required: true }),
    param({
      name: "style",
      help: "how",
      choices: ["oil on canvas", "ink:black", 'the "best" $1', "l'art"],
    }),
    param({ name: "image", type: "file", help: "what to begin with" }),
    param({ name: "tiled", type: "boolean", help: "seamless" }),
  ],
};

const jobs: readonly JobView[] = [
  jobView({ id: 45, state: "held", label: "tomorrow" }),
  jobView({ id: 44, state: "queued", summary: "a fox" }),
  jobView({
    id: 43,
    state: "running",
    runtime: "run",
    summary: "python train.py",
    array: { id: 40, index: 3 },
  }),
  finishedJob({ id: 42, state: "failed", summary: "a hare" }),
  finishedJob({ id: 41, summary: "a lynx" }),
];

/** A daemon as far as completion asks it. */
export function serveSamples(): Promise<SocketServer> {
  return serveAnswers({
    "GET /jobs": ({ states }) => {
      const wanted = states === undefined ? undefined : String(states).split(",");
      const found = jobs.filter(({ state }) => wanted?.includes(state) ?? true);
      return { jobs: found, total: found.length };
    },
    "GET /runtimes": () => ({ runtimes: [paint, sdxl] }),
    "GET /runtimes/:runtime": ({ runtime }) => {
      if (runtime !== "paint") throw new Failure("runtime/unknown", `there is no runtime "${runtime}"`);
      return paint;
    },
    "GET /workers": () => ({ workers: [workerView({ name: "paint-1" })] }),
    "GET /gpus": () => ({ gpus: [gpuView()] }),
    "GET /schedules": () => ({
      schedules: [
        {
          id: 1,
          name: "nightly",
          line: "0 3 * * *",
          timeZone: "UTC",
          description: null,
          missed: "skip",
          overlap: false,
          paused: false,
          next: null,
          lastJob: null,
          lastError: null,
          summary: "make",
          user: "ada",
          createdAt: "2026-01-02T00:00:00Z",
        },
      ],
    }),
  });
}
