import { expect, test } from "vitest";
import { ParamView } from "../../src/protocol/views.ts";
import { jsonSchemaOf } from "../../src/runtime/json-schema.ts";
import { viewParams } from "../../src/runtime/params-view.ts";
import { runtimeFrom } from "./runtime-from.ts";

const runtime = runtimeFrom(`
summary: shows things
params:
  prompt: { type: string, required: true, help: what to draw }
  width: { type: integer, default: 1024, min: 256, max: 2048, multipleOf: 8 }
  style: { type: string, choices: [photo, paint] }
  image: { type: file, accept: [image/png] }
  model: { type: file, load: true, accept: [.bin, image/*] }
`);

test("params are shown as the API declares them, in order", () => {
  const views = viewParams(runtime);
  for (const view of views) expect(ParamView.strict().parse(view)).toEqual(view);
  expect(views.map((view) => view.name)).toEqual(["prompt", "width", "style", "image", "model"]);
  expect(JSON.parse(JSON.stringify(views))).toEqual(views);
});

test("the JSON Schema says the same", () => {
  expect(jsonSchemaOf(runtime)).toEqual({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "demo",
    description: "shows things",
    type: "object",
    properties: {
      prompt: { type: "string", description: "what to draw" },
      width: { type: "integer", default: 1024, minimum: 256, maximum: 2048, multipleOf: 8 },
      style: { type: "string", enum: ["photo", "paint"] },
      image: {
        type: "string",
        "x-orch-type": "file",
        "x-orch-accept": ["image/png"],
        contentMediaType: "image/png",
      },
      model: {
        type: "string",
        "x-orch-type": "file",
        "x-orch-accept": [".bin", "image/*"],
        "x-orch-load": true,
      },
    },
    required: ["prompt"],
    additionalProperties: false,
  });
});
