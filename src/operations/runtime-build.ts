import { z } from "zod";
import { streamOperation } from "./operation.ts";

export const runtimeBuild = streamOperation({
  route: "POST /runtimes/:runtime/build",
  summary: "Build the image of a container runtime: what the engine prints, then its name",
  who: "admins",
  input: z.object({ runtime: z.string() }).strict(),
  output: z.discriminatedUnion("type", [
    z.object({ type: z.literal("log"), text: z.string() }),
    z.object({ type: z.literal("built"), image: z.string() }),
  ]),
  async *run(ctx, { runtime }, _caller, signal) {
    const lines: string[] = [];
    let wake = (): void => {};
    const onLog = (line: string): void => {
      lines.push(line);
      wake();
    };
    // Whoever reads this may stop without the caller having gone.
    const leaving = new AbortController();
    const work = ctx.buildImage(runtime, { onLog, signal: AbortSignal.any([signal, leaving.signal]) });
    const over = work.then(
      () => true,
      () => true,
    );
    try {
      for (let isOver = false; !isOver || lines.length > 0; ) {
        for (const text of lines.splice(0)) yield { type: "log" as const, text };
        const news = new Promise<boolean>((resolve) => {
          wake = () => resolve(false);
        });
        if (!isOver) isOver = await Promise.race([over, news]);
      }
      yield { type: "built" as const, image: await work };
    } finally {
      leaving.abort();
    }
  },
});
