import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { createJobList, type JobList, type JobRows } from "../live/job-list.ts";
import { useFeed, useLive } from "../live/use-live.ts";
import { countIn, jobTabs, readJobFilter } from "../model/job-filter.ts";
import { hrefOf } from "../model/route.ts";
import { countText } from "../model/units.ts";
import { Empty, Problem, Segments } from "../parts/basics.tsx";
import { JobTable } from "../parts/job-table.tsx";
import { isTyping } from "../parts/keys.ts";
import { JobPane } from "./job-pane.tsx";

type TabName = (typeof jobTabs)[number]["name"];
const TYPING_MS = 250;

/** All jobs, newest first, and one of them in detail beside the list. */
export function JobsView({ item }: { readonly item: string | null }): JSX.Element {
  const { status } = useLive();
  const [tab, setTab] = useState<TabName>("all");
  const [typed, setTyped] = useState("");
  const filter = useSettled(typed, TYPING_MS);
  const { rows, list } = useJobRows(tab, filter);
  const open = item !== null && /^\d+$/.test(item) ? Number(item) : null;
  useRowKeys(open !== null);
  const counts = status?.jobs ?? {};
  const known =
    filter === "" ? countIn(jobTabs.find(({ name }) => name === tab)?.states ?? null, counts) : null;
  return (
    <div class={`jobs ${open === null ? "" : "has-pane"}`}>
      <div class="jobs-list">
        <header class="view-head">
          <h1>Jobs</h1>
          <input
            type="search"
            class="filter"
            aria-label="Filter jobs"
            placeholder="Filter: words, a number, or state = failed and runtime = sdxl"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </header>
        <div class="tabs">
          <Segments
            label="States"
            chosen={tab}
            onChoose={setTab}
            options={jobTabs.map(({ name, title, states }) => ({
              value: name,
              title: (
                <>
                  {title} <span class="count">{countText(countIn(states, counts))}</span>
                </>
              ),
            }))}
          />
        </div>
        <Problem error={rows.error} />
        <JobTable
          rows={rows.rows}
          open={open}
          total={known}
          onLook={(first, end) => list?.look(first, end)}
        />
        {rows.isLoaded && rows.rows.length === 0 && (
          <Empty title={filter === "" ? "No jobs here" : "No job meets the filter"}>
            {filter === "" ? (
              <>
                Submit one under <a href={hrefOf("runtimes")}>Runtimes</a>, or with{" "}
                <code>orch run -d -- …</code>.
              </>
            ) : (
              "Words are looked for in summaries, labels, runtimes and users."
            )}
          </Empty>
        )}
      </div>
      {open !== null && <JobPane key={open} id={open} />}
    </div>
  );
}

function useJobRows(tab: TabName, filter: string): { rows: JobRows; list: JobList | null } {
  const feed = useFeed();
  const [rows, setRows] = useState<JobRows>({ rows: [], isWhole: false, error: null, isLoaded: false });
  const list = useRef<JobList | null>(null);
  useEffect(() => {
    const states = jobTabs.find(({ name }) => name === tab)?.states ?? null;
    const made = createJobList(
      { ...readJobFilter(filter), ...(states !== null && { states: [...states] }) },
      () => {
        const now = made.get();
        // A list that is on its way does not empty the one before it.
        if (now.isLoaded || now.error !== null) setRows(now);
      },
    );
    list.current = made;
    const stop = feed.subscribe(made.refresh);
    return () => {
      stop();
      made.close();
    };
  }, [tab, filter, feed]);
  return { rows, list: list.current };
}

/** A text once nobody has changed it for a while. */
function useSettled(text: string, afterMs: number): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), afterMs);
    return () => window.clearTimeout(timer);
  }, [text, afterMs]);
  return settled;
}

/** "j" and "k" go down and up the list; Escape closes what is open, or leaves the filter. */
function useRowKeys(hasPane: boolean): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && event.target instanceof HTMLInputElement) event.target.blur();
      else if (isTyping(event.target)) return;
      else if (event.key === "Escape" && hasPane) window.location.hash = hrefOf("jobs");
      else if (event.key === "j") step(1);
      else if (event.key === "k") step(-1);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [hasPane]);
}

function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>(".job-table tbody a")];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  const open = links.findIndex((link) => link.getAttribute("aria-current") === "true");
  const next = links[at < 0 && open < 0 ? 0 : (at < 0 ? open : at) + by];
  next?.focus({ preventScroll: true });
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
}
