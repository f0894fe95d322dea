import { createHash } from "node:crypto";
import type { Balancer } from "./balancer.ts";
import { requestIdOf } from "./request-id.ts";
import type { PageCall } from "./status-pages.ts";

const STYLE = `body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:1.4rem 0 .4rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ccc}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.state{font-weight:600}.IDLE{color:#17692f}.BUSY{color:#8a5200}.OVERCHARGED{color:#b00020}
pre{background:#f4f4f4;padding:.6rem;max-height:24rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}
label{margin-right:.8rem}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#222}th,td{border-color:#444}
.IDLE{color:#6fcf8a}.BUSY{color:#f0b95a}.OVERCHARGED{color:#ff8095}}`;

const SCRIPT = `"use strict";
const at=(id)=>document.getElementById(id);
const cell=(row,text,name)=>{const td=document.createElement("td");td.textContent=text;if(name)td.className=name;row.append(td)};
const fill=(id,rows)=>{const body=at(id);body.replaceChildren();for(const cells of rows){const tr=document.createElement("tr");for(const [text,name] of cells)cell(tr,text,name);body.append(tr)}};
const base=location.pathname.replace(/\\/dashboard$/,"");
const look=async()=>{try{
const m=await(await fetch(base+"/metrics")).json();
at("totals").textContent=m.total_requests+" requests, "+m.success+" good, "+m.errors+" errors, "+m.rps+" a second, up "+Math.round(m.uptime_seconds)+" s";
fill("models",Object.entries(m.per_model).map(([k,v])=>[[k],[v.requests,"n"],[v.success,"n"],[v.errors,"n"]]));
fill("workers",Object.entries(m.per_worker).map(([k,v])=>[[k],[v.model],[v.state,"state "+v.state],[v.requests,"n"],[v.errors,"n"],[v.avg_recent_latency_ms,"n"],[v.last_duration_ms,"n"]]));
}catch(e){at("totals").textContent="cannot be reached: "+e.message}};
const logs=async()=>{const q=new URLSearchParams({kind:at("worker").value===""?"balancer":"worker",worker_id:at("worker").value,q:at("q").value,level:at("level").value,corr:at("corr").value,lines:"200"});
const r=await fetch(base+"/logs_json?"+q);const j=await r.json();at("log").textContent=r.ok?j.items.map((i)=>JSON.stringify(i)).join("\\n"):String(j.detail)};
for(const id of ["worker","q","level","corr"])at(id).addEventListener("change",logs);
look();logs();setInterval(look,2000);`;

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Load balancer</title><style>${STYLE}</style></head><body><h1>Load balancer</h1><p id="totals" role="status"></p>
<h2>Models</h2><table><thead><tr><th>model</th><th class="n">requests</th><th class="n">good</th><th class="n">errors</th></tr></thead><tbody id="models"></tbody></table>
<h2>Workers</h2><table><thead><tr><th>worker</th><th>model</th><th>state</th><th class="n">requests</th><th class="n">errors</th><th class="n">mean ms</th><th class="n">last ms</th></tr></thead><tbody id="workers"></tbody></table>
<h2>Logs</h2><p><label>worker <input id="worker" size="4" inputmode="numeric"></label><label>text <input id="q"></label>
<label>level <select id="level"><option value="">any</option><option>INFO</option><option>WARNING</option><option>ERROR</option></select></label>
<label>request <input id="corr"></label></p><pre id="log" tabindex="0"></pre><script>${SCRIPT}</script></body></html>
`;

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing but what stands in the page itself, and its own server. */
const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** `GET /dashboard`: totals, models, workers and logs. All that it needs stands in it. */
export function dashboard(_balancer: Balancer, { request, response }: Parameters<PageCall>[1]): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": POLICY,
    "content-length": Buffer.byteLength(PAGE),
    "x-request-id": requestIdOf(request),
  });
  response.end(PAGE);
}
