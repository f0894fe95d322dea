import type { WebhookListed } from "../../../src/protocol/webhook.ts";
import { fails, type GoldenCase } from "./golden-case.ts";

const failing: WebhookListed = {
  id: "42",
  job: 42,
  lastJob: null,
  host: "hooks.example.com",
  events: ["start", "completed"],
  event: "completed",
  told: ["start"],
  state: "open",
  tries: 3,
  detail: "it was answered with 503",
  failingSince: "2026-01-02T00:09:50.000Z",
  nextTry: "2026-01-02T00:10:04.000Z",
  user: "ada",
  createdAt: "2026-01-02T00:05:00.000Z",
};

const ofMany: WebhookListed = {
  ...failing,
  id: "12-41",
  job: 12,
  lastJob: 41,
  events: ["completed"],
  told: ["completed"],
  state: "done",
  tries: 0,
  detail: null,
  failingSince: null,
  nextTry: null,
};

const gone: WebhookListed = {
  ...failing,
  id: "7",
  job: 7,
  host: "lab.example.org:8443",
  state: "dead",
  tries: 1,
  detail: "it was answered with 410: it is gone",
  failingSince: "2026-01-02T00:09:50.000Z",
  nextTry: null,
};

/** Of the commands about webhooks. */
export const webhookCases: Readonly<Record<string, GoldenCase>> = {
  "webhooks ls": {
    argv: ["webhooks", "ls"],
    answers: { "GET /webhooks": () => ({ webhooks: [failing, ofMany, gone], hasMore: true }) },
    wrong: { argv: ["webhooks", "ls", "--state", "failed"] },
  },
  "webhooks show": {
    argv: ["webhooks", "show", "42"],
    answers: { "GET /webhooks/:webhook": () => failing },
    wrong: {
      answers: {
        "GET /webhooks/:webhook": fails("job/unknown", 'there is no webhook "42"', "orch webhooks ls"),
      },
    },
  },
  "webhooks retry": {
    argv: ["webhooks", "retry", "42"],
    answers: { "POST /webhooks/:webhook/retry": () => failing },
    wrong: { argv: ["webhooks", "retry"] },
  },
};
