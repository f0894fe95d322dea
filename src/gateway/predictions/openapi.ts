import type { ParamView, RuntimeView } from "../../protocol/views.ts";
import type { Json } from "../../std/json.ts";
import { toldEvents } from "./prediction.ts";

/** What a runtime takes and gives, in the form in which Cog's servers and Replicate's models say it. */
export function openapiOf({ name, summary, params }: RuntimeView): { readonly [key: string]: Json } {
  const prediction = { $ref: "#/components/schemas/Prediction" };
  const request = {
    content: { "application/json": { schema: { $ref: "#/components/schemas/PredictionRequest" } } },
  };
  const answer = {
    "200": { description: "the prediction", content: { "application/json": { schema: prediction } } },
  };
  const id = { name: "prediction_id", in: "path", required: true, schema: { type: "string" } };
  return {
    openapi: "3.0.2",
    info: { title: name, description: summary, version: "1" },
    paths: {
      "/health-check": {
        get: { summary: "Whether it takes predictions", responses: { "200": { description: "status" } } },
      },
      "/predictions": { post: { summary: "Predict", requestBody: request, responses: answer } },
      "/predictions/{prediction_id}": {
        put: { summary: "Predict once", parameters: [id], requestBody: request, responses: answer },
        get: { summary: "A prediction as it stands", parameters: [id], responses: answer },
      },
      "/predictions/{prediction_id}/cancel": {
        post: { summary: "Cancel", parameters: [id], responses: { "200": { description: "done" } } },
      },
    },
    components: {
      schemas: {
        Input: {
          title: "Input",
          type: "object",
          properties: Object.fromEntries(params.map((param, order) => [param.name, schemaOf(param, order)])),
          required: params.filter(({ required }) => required).map((param) => param.name),
        },
        Output: { title: "Output" },
        PredictionRequest: {
          title: "PredictionRequest",
          type: "object",
          properties: {
            id: { type: "string" },
            input: { $ref: "#/components/schemas/Input" },
            webhook: { type: "string", format: "uri" },
            webhook_events_filter: {
              type: "array",
              items: { type: "string", enum: toldEvents },
            },
          },
        },
        Prediction: {
          title: "Prediction",
          type: "object",
          properties: {
            id: { type: "string" },
            status: { type: "string", enum: ["starting", "processing", "succeeded", "canceled", "failed"] },
            input: { $ref: "#/components/schemas/Input" },
            output: { $ref: "#/components/schemas/Output" },
            error: { type: "string", nullable: true },
            logs: { type: "string" },
            metrics: { type: "object" },
          },
        },
      },
    },
  };
}

function schemaOf(param: ParamView, order: number): Json {
  const { type, help, min, max, multipleOf, choices } = param;
  return {
    title: param.name,
    "x-order": order,
    ...(type === "json" ? {} : { type: type === "file" ? "string" : type }),
    ...(type === "file" ? { format: "uri" } : {}),
    ...(help === "" ? {} : { description: help }),
    ...(param.default === undefined ? {} : { default: param.default }),
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(multipleOf === undefined ? {} : { multipleOf }),
    ...(choices === undefined ? {} : { enum: choices }),
  };
}
