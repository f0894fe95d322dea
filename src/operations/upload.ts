import { basename } from "node:path";
import { z } from "zod";
import type { SentFile } from "../protocol/sent-file.ts";
import { operation } from "./operation.ts";

export const upload = operation({
  route: "POST /uploads",
  summary:
    "Send a file, for params of type file: the body is the file, its name is in the header x-orch-filename",
  who: "all",
  input: z.strictObject({ file: z.custom<SentFile>() }),
  output: z.object({
    upload: z.string().describe('what a param of type file takes: "upload:…"'),
    name: z.string(),
    bytes: z.number().int(),
    type: z.string().nullable(),
    sha256: z.string(),
  }),
  takes: "file",
  async run(ctx, { file }, { uid }) {
    const name = basename(file.name);
    const { id, bytes } = await ctx.inputFiles.put(uid, { ...file, name });
    return { upload: `upload:${id}`, name, bytes, type: file.type, sha256: id.slice(0, 64) };
  },
});
