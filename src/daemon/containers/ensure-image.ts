import type { ImageOptions } from "../../engine/container/container-image.ts";
import type { FoundEngine } from "../../engine/container/find-container-engine.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { must } from "../../std/assert.ts";
import { Failure } from "../../std/failure.ts";
import type { Containers } from "./containers.ts";

/**
 * Makes sure that the image of a container runtime is there: built from its Dockerfile, or pulled. No lease has to be
 * held for it. Idempotent; one pull or build of an image at a time, without a deadline; ends when `signal` aborts.
 * @returns the engine that has it
 * @throws Failure engine/unavailable, engine/failed with the engine's last words, interrupted
 */
export async function ensureImage(
  { engines, images }: Containers,
  runtime: Runtime,
  options: ImageOptions,
): Promise<FoundEngine> {
  const engine = await engines.find();
  await images.ensure(engine, sourceOf(runtime), options);
  return engine;
}

/**
 * The engine for a start, which holds a lease and so makes no image.
 * @throws Failure engine/unprepared when the image is not there any more, engine/unavailable
 */
export async function engineWithImage(
  { engines, images }: Containers,
  runtime: Runtime,
): Promise<FoundEngine> {
  const engine = await engines.find();
  const { image } = sourceOf(runtime);
  if (await images.has(engine, image)) return engine;
  throw new Failure("engine/unprepared", `the image ${image} of ${runtime.name} is not there any more`, {
    why: "it was removed since the lane was prepared",
    hint: "it is made anew by itself",
  });
}

/**
 * Builds the image of a container runtime anew.
 * @returns its name
 * @throws Failure runtime/invalid for one without a Dockerfile; else as `ensureImage`
 */
export async function buildImage(
  { engines, images }: Containers,
  runtime: Runtime,
  options: ImageOptions,
): Promise<string> {
  const source = runtime.engine === "container" ? sourceOf(runtime) : null;
  if (source === null || source.buildDir === null) {
    throw new Failure("runtime/invalid", `${runtime.name} has no image to be built`, {
      why: source === null ? "it runs as a process" : `its image ${source.image} is pulled`,
      hint: `orch runtimes show ${runtime.name}`,
    });
  }
  await images.make(await engines.find(), source, options);
  return source.image;
}

function sourceOf(runtime: Runtime) {
  const image = must(runtime.image, `container runtime "${runtime.name}" has an image`);
  return { image, buildDir: runtime.build, runtimeName: runtime.name };
}
