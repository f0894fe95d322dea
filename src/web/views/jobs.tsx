import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { createJobList, type JobList, type JobRows, type ListQuery, noRows } from "../live/job-list.ts";
import { useFeed, useLive } from "../live/use-live.ts";
import { useSettled } from "../live/use-settled.ts";
import { countIn, jobTabs, readJobFilter } from "../model/job-filter.ts";
import { hrefOf, hrefOfJobs, readJobPlace } from "../model/route.ts";
import { countText } from "../model/units.ts";
import { Empty, Problem, Segments } from "../parts/basics.tsx";
import { JobTable } from "../parts/job-table.tsx";
import { isTyping } from "../parts/keys.ts";
import { ArrayHead, useArray } from "./array-head.tsx";
import { JobPane } from "./job-pane.tsx";

type TabName = (typeof jobTabs)[number]["name"];
const TYPING_MS = 250;

/** All jobs, newest first, or those of an array, and one of them in detail beside the list. */
export function JobsView({ item }: { readonly item: string | null }): JSX.Element {
  const { status } = useLive();
  const { array, job: open } = readJobPlace(item);
  const [tab, setTab] = useState<TabName>("all");
  const [typed, setTyped] = useState("");
  const [isFolded, setIsFolded] = useState(true);
  const filter = useSettled(typed, TYPING_MS);
  const { rows, list } = useJobRows({ tab, filter, array, isFolded });
  const closed = hrefOfJobs({ array });
  useRowKeys(open !== null ? closed : array !== null ? hrefOf("jobs") : null);
  const whole = useArray(array);
  const counts = (array === null ? status?.jobs : whole.value?.jobs) ?? {};
  const known =
    filter === "" ? countIn(jobTabs.find(({ name }) => name === tab)?.states ?? null, counts) : null;
  return (
    <div class={`jobs ${open === null ? "" : "has-pane"}`}>
      <div class="jobs-list">
        <header class="view-head">
          <div>
            {array !== null && (
              <a class="back" href={hrefOf("jobs")}>
                Jobs
              </a>
            )}
            <h1>{array === null ? "Jobs" : `Array ${array}`}</h1>
          </div>
          <input
            type="search"
            class="filter"
            aria-label="Filter jobs"
            placeholder="Filter: words, a number, or state = failed and runtime = sdxl"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </header>
        {array !== null && <ArrayHead array={array} loaded={whole} />}
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
          {array === null && <FoldSwitch isFolded={isFolded} onSwitch={setIsFolded} />}
        </div>
        <Problem error={rows.error} />
        <JobTable
          rows={rows.rows}
          arrays={rows.arrays}
          array={array}
          open={open}
          total={isFolded && array === null ? null : known}
          onLook={(first, end) => list?.look(first, end)}
        />
        {rows.isLoaded && rows.rows.length === 0 && <NoJobs isFiltered={filter !== ""} />}
      </div>
      {open !== null && <JobPane key={open} id={open} closed={closed} />}
    </div>
  );
}

function FoldSwitch(props: {
  readonly isFolded: boolean;
  readonly onSwitch: (isFolded: boolean) => void;
}): JSX.Element {
  return (
    <label class="switch">
      <input
        type="checkbox"
        checked={props.isFolded}
        onChange={(event) => props.onSwitch(event.currentTarget.checked)}
      />
      An array is one row
    </label>
  );
}

function NoJobs({ isFiltered }: { readonly isFiltered: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <Empty title="No job meets the filter">
        Words are looked for in summaries, labels, runtimes and users.
      </Empty>
    );
  return (
    <Empty title="No jobs here">
      Submit one under <a href={hrefOf("runtimes")}>Runtimes</a>, or with <code>orch run -d -- …</code>.
    </Empty>
  );
}

interface Wanted {
  readonly tab: TabName;
  readonly filter: string;
  readonly array: number | null;
  readonly isFolded: boolean;
}

function queryOf({ tab, filter, array, isFolded }: Wanted): ListQuery {
  const states = jobTabs.find(({ name }) => name === tab)?.states ?? null;
  return {
    ...readJobFilter(filter),
    ...(states !== null && { states: [...states] }),
    ...(array !== null ? { array } : isFolded && { fold: true }),
  };
}

function useJobRows({ tab, filter, array, isFolded }: Wanted): { rows: JobRows; list: JobList | null } {
  const feed = useFeed();
  const [rows, setRows] = useState<JobRows>(noRows);
  const list = useRef<JobList | null>(null);
  useEffect(() => {
    const made = createJobList(queryOf({ tab, filter, array, isFolded }), () => {
      const now = made.get();
      // A list that is on its way does not empty the one before it.
      if (now.isLoaded || now.error !== null) setRows(now);
    });
    list.current = made;
    const stop = feed.subscribe(made.refresh);
    return () => {
      stop();
      made.close();
    };
  }, [tab, filter, array, isFolded, feed]);
  return { rows, list: list.current };
}

/** "j" and "k" go down and up the list; Escape goes back to where it leads, or leaves the filter. */
function useRowKeys(back: string | null): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && event.target instanceof HTMLInputElement) event.target.blur();
      else if (isTyping(event.target)) return;
      else if (event.key === "Escape" && back !== null) window.location.hash = back;
      else if (event.key === "j") step(1);
      else if (event.key === "k") step(-1);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [back]);
}

function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>(".job-table tbody a")];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  const open = links.findIndex((link) => link.getAttribute("aria-current") === "true");
  const next = links[at < 0 && open < 0 ? 0 : (at < 0 ? open : at) + by];
  next?.focus({ preventScroll: true });
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
}
