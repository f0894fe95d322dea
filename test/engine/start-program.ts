// A daemon in miniature, bundled and run as a process of its own by adopt.test.ts: starts one program, says who it
// is, and waits to be killed.
import type { Launch } from "../../src/engine/engine.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";

const { launch, instanceId } = JSON.parse(process.argv[2] ?? "") as { launch: Launch; instanceId: string };
const engine = createProcessEngine({ instanceId, clock: systemClock });
process.stdout.write(`${JSON.stringify(await engine.start(launch))}\n`);
setInterval(() => undefined, 60_000);
