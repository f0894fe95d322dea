/** The look of the page, in the reader's choice of light or dark. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --ink: #1c2024; --soft: #6b7280; --line: #e5e6e3; --idle: #f0f0ed; --other: #b9bdc4; --switching: #1c2024;
  --c0: #2458c5; --c1: #d9480f; --c2: #2b8a3e; --c3: #9c36b5; --c4: #b08900; --c5: #0b7285; --c6: #c2255c; --c7: #5f6b7a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e8eaed; --soft: #9aa1ab; --line: #2b2f35; --idle: #1f2226; --other: #5d646e; --switching: #050607;
    --c0: #7aa7ff; --c1: #ff8f57; --c2: #69c77b; --c3: #d58be8; --c4: #e3bf4a; --c5: #57c4d6; --c6: #f783ac; --c7: #a3adba;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 26px; letter-spacing: -0.01em; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 44px 0 2px; }
h3 { font-size: 14px; font-weight: 600; margin: 22px 0 6px; }
p { margin: 0 0 12px; color: var(--soft); max-width: 78ch; }
.lead { font-size: 16px; margin-bottom: 24px; }
.foot { margin-top: 40px; font-size: 13px; border-top: 1px solid var(--line); padding-top: 14px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 8px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
thead th { font-size: 12.5px; font-weight: 500; color: var(--soft); }
tbody th { font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 10px; padding: 0; font-size: 13px; }
.legend span { color: var(--soft); }
.legend li { color: var(--ink); }
.key { display: inline-block; width: 22px; height: 10px; margin-right: 7px; }
.grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges; }
.tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.policy-0 { stroke: var(--c0); } .policy-1 { stroke: var(--c1); } .policy-2 { stroke: var(--c2); }
.policy-3 { stroke: var(--c3); } .policy-4 { stroke: var(--c4); } .policy-5 { stroke: var(--c5); } .policy-6 { stroke: var(--c6); } .policy-7 { stroke: var(--c7); }
.idle { fill: var(--idle); }
.other { fill: var(--other); }
.switching { fill: var(--switching); fill-opacity: 0.72; }
`;
