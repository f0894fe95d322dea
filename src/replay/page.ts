import { formatDurationMs } from "../std/duration.ts";
import { escapeMarkup } from "../std/escape-markup.ts";
import { chooseColours, type ModelColour } from "./model-colours.ts";
import { pageStyle } from "./page-style.ts";
import type { Replay } from "./replay.ts";
import type { PolicyReport, SimReport } from "./report.ts";
import { residencyChart } from "./residency-chart.ts";
import { waitChart } from "./wait-chart.ts";

/** One policy's figures with what they were made from. */
export interface PageEntry {
  readonly report: PolicyReport;
  readonly replay: Replay;
}

/** The report as one HTML file that needs nothing else: charts are inline SVG, light or dark as the reader has it. */
export function pageOf(report: SimReport, entries: readonly PageEntry[]): string {
  const colours = chooseColours(entries.map((entry) => entry.replay));
  const title = `orch sim ${report.trace.name}`;
  return [
    "<!doctype html>",
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${escapeMarkup(title)}</title><style>${pageStyle}</style></head>`,
    "<body><main>",
    `<h1>${escapeMarkup(title)}</h1>`,
    `<p class="lead">${escapeMarkup(describe(report))}</p>`,
    summaryTable(report.policies),
    "<h2>How long jobs wait</h2>",
    "<p>Share of all jobs that began to run within this time of their arrival. Up and to the left is better.</p>",
    policyLegend(report.policies),
    waitChart(entries.map((entry) => ({ name: entry.report.policy, waitsMs: entry.replay.waitsMs }))),
    "<h2>What is on the GPUs</h2>",
    "<p>Each row is a stretch of the replay, and the next row goes on where it ends. Dark ends of a box are starts and stops.</p>",
    modelLegend(colours, report.trace.models),
    ...entries.map((entry) => timelines(entry, report.host.gpus, colours, entries.length > 1)),
    `<p class="foot">${escapeMarkup(definitions)}</p>`,
    "</main></body></html>",
    "",
  ].join("\n");
}

const definitions =
  "Wait: from arrival to the start of the run. Percentiles by nearest rank. Switches: starts of workers, the first of each model included. Busy and switching: share of the GPUs' time until the last job ended in which a job ran, or a worker started or stopped. Replayed in virtual time through the scheduler that the daemon runs.";

function describe({ trace, host }: SimReport): string {
  const models = host.residents === 1 ? "one model at a time" : `${host.residents} models at a time`;
  const gpus = host.gpus === 1 ? `1 GPU with ${models}` : `${host.gpus} GPUs with ${models} on each`;
  const duration = (seconds: number): string => formatDurationMs(seconds * 1000);
  return `${count(trace.jobs)} jobs of ${count(trace.models)} models that arrived over ${duration(trace.spanS)} with ${duration(trace.workS)} of work, on ${gpus}, at ${duration(host.switchS + host.stopS)} per switch.`;
}

function summaryTable(policies: readonly PolicyReport[]): string {
  const heads = [
    "Policy",
    "Switches",
    "Mean wait",
    "Median",
    "95 %",
    "99 %",
    "Longest",
    "Busy",
    "Switching",
    "All done after",
  ];
  const rows = policies.map((policy) => {
    const { waitS } = policy;
    const waits = [waitS.mean, waitS.p50, waitS.p95, waitS.p99, waitS.max];
    const cells = [
      count(policy.switches),
      ...waits.map((seconds) => formatDurationMs(seconds * 1000)),
      percent(policy.gpuBusyShare),
      percent(policy.switchShare),
      formatDurationMs(policy.makespanS * 1000),
    ];
    const name = `<th scope="row" title="${escapeMarkup(policy.summary)}">${escapeMarkup(policy.policy)}</th>`;
    return `<tr>${name}${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join("");
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

function policyLegend(policies: readonly PolicyReport[]): string {
  const items = policies.map(
    ({ policy, summary }, index) =>
      `<li><svg class="key" viewBox="0 0 22 10"><path class="curve policy-${index % 8}" d="M1 5H21"/></svg><b>${escapeMarkup(policy)}</b> ${escapeMarkup(summary)}</li>`,
  );
  return `<ul class="legend">${items.join("\n")}</ul>`;
}

function modelLegend(colours: readonly ModelColour[], models: number): string {
  const items = colours.map(
    ({ model, colour, share }) =>
      `<li><svg class="key" viewBox="0 0 22 10"><rect width="22" height="10" rx="2" fill="${colour}"/></svg>${escapeMarkup(model)} <span>${percent(share)}</span></li>`,
  );
  const others = models - colours.length;
  if (others > 0) {
    const key =
      '<svg class="key" viewBox="0 0 22 10"><rect class="other" width="22" height="10" rx="2"/></svg>';
    items.push(`<li>${key}${others} other ${others === 1 ? "model" : "models"}</li>`);
  }
  const key =
    '<svg class="key" viewBox="0 0 22 10"><rect class="switching" width="22" height="10" rx="2"/></svg>';
  items.push(`<li>${key}starts, stops</li>`);
  return `<ul class="legend">${items.join("\n")}</ul>`;
}

function timelines(
  { report, replay }: PageEntry,
  gpus: number,
  colours: readonly ModelColour[],
  isOneOfMany: boolean,
): string {
  return Array.from({ length: gpus }, (_, gpu) => {
    const title = isOneOfMany ? `${escapeMarkup(report.policy)}, GPU ${gpu}` : `GPU ${gpu}`;
    return `<h3>${title}</h3>\n${residencyChart(replay, gpu, colours)}`;
  }).join("\n");
}

function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
