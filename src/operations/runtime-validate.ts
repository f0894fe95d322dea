import path from "node:path";
import { z } from "zod";
import { RuntimeView } from "../protocol/views.ts";
import { loadRuntimeAt } from "../runtime/load.ts";
import { operation } from "./operation.ts";
import { viewRuntime } from "./runtime-view.ts";

export const runtimeValidate = operation({
  route: "POST /runtimes/validate",
  summary: "Check a runtime.yaml: the first problem with file, line and key, or what it declares",
  who: "admins",
  input: z.object({ path: z.string().refine((file) => path.isAbsolute(file), "an absolute path") }).strict(),
  output: RuntimeView,
  run: async (ctx, input) => viewRuntime(ctx, loadRuntimeAt(input.path)),
});
