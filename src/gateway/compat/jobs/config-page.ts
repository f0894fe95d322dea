import type { Exchange } from "../../port.ts";
import { answerJson } from "../answer.ts";
import type { Runtimes } from "./app-runtime.ts";
import { ADMIN_HEADERS, type JobsDesk, runtimesNow } from "./desk.ts";
import { knownApp } from "./known-apps.ts";
import type { App } from "./registry.ts";

const GIB = 2 ** 30;

/** `GET /admin/config`: the apps, with the keys of the old answer and with those that its page reads. */
export async function appConfig(desk: JobsDesk, { caller, response }: Exchange): Promise<void> {
  const runtimes = await runtimesNow(desk, caller);
  const apps = Object.fromEntries(runtimes.apps.map((app) => [app.id, viewOf(app, runtimes)]));
  answerJson(response, 200, { apps }, ADMIN_HEADERS);
}

function viewOf(app: App, runtimes: Runtimes): object {
  const vramGb = app.vramGb ?? vramOfRuntime(app, runtimes) ?? knownApp(app.id)?.vramGb ?? 0;
  return {
    ID: app.id,
    Name: app.name,
    Type: app.type,
    Queue: app.queue ?? "",
    Endpoint: app.endpoint ?? "",
    Description: app.description,
    GPUVramGB: vramGb,
    DockerImage: app.dockerImage ?? "",
    TimeoutSeconds: app.timeoutSeconds ?? 0,
    Parameters: (app.parameters ?? []).map(({ name, type, required, default: fallback, description }) => ({
      ...{ Name: name, Type: type, Required: required, Default: fallback, Description: description },
    })),
    name: app.name,
    type: app.type,
    queue: app.queue ?? "",
    gpu_vram_gb: vramGb,
    frontend_url: app.frontendUrl ?? "",
  };
}

function vramOfRuntime(app: App, runtimes: Runtimes): number | null {
  if (app.type !== "local") return null;
  try {
    const { vramBytes } = runtimes.of(app).runtime.gpu;
    return vramBytes === null ? null : Math.round((vramBytes / GIB) * 100) / 100;
  } catch {
    // An app without a runtime is listed all the same.
    return null;
  }
}
