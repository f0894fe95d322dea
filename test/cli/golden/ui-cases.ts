import type { UiView } from "../../../src/protocol/ui-view.ts";
import { fails, type GoldenCase } from "./golden-case.ts";

const comfyui: UiView = {
  name: "comfyui",
  listen: "127.0.0.1:8188",
  url: "http://127.0.0.1:8188",
  detail: null,
  runtime: "comfyui",
  worker: { name: "comfyui-3", state: "ready" },
};

const shut: UiView = {
  name: "whisper-large",
  listen: "127.0.0.1:7860",
  url: null,
  detail: "the gateway does not listen on 127.0.0.1:7860: there is no valid key; orch keys add --name NAME",
  runtime: "whisper-large",
  worker: null,
};

/** Of the doors to workers' own pages. */
export const uiCases: Readonly<Record<string, GoldenCase>> = {
  ui: {
    argv: ["ui"],
    answers: { "GET /uis": () => ({ uis: [comfyui, shut] }) },
    wrong: { argv: ["ui", "--filter", "nme = comfyui"] },
  },
  "ui of one": {
    argv: ["ui", "comfyui", "--print"],
    of: "ui",
    answers: {
      "POST /uis/:ui/login": () => ({
        url: "http://127.0.0.1:8188/.orch/login?token=x1",
        expiresAt: "2026-03-01T12:05:00.000Z",
      }),
    },
    wrong: {
      answers: {
        "POST /uis/:ui/login": fails("gateway/off", 'there is no door to the page of "comfyui"'),
      },
    },
  },
};
