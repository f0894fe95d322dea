import type { ComponentChildren, JSX } from "preact";
import { useContext } from "preact/hooks";
import { errorText } from "../live/api.ts";
import type { Connection } from "../live/live.ts";
import { SessionContext, signOut } from "../live/session.ts";
import { useFeed, useLive } from "../live/use-live.ts";
import { countIn } from "../model/job-filter.ts";
import { hrefOf, type Place } from "../model/route.ts";
import { countText } from "../model/units.ts";
import { Icon } from "./icons.tsx";
import type { Theme } from "./theme.ts";

const views = [
  { view: "overview", title: "Overview" },
  { view: "jobs", title: "Jobs" },
  { view: "gpus", title: "GPUs" },
  { view: "workers", title: "Workers" },
  { view: "runtimes", title: "Runtimes" },
  { view: "timetable", title: "Timetable" },
  { view: "stats", title: "Statistics" },
] as const;

/** What is around every view: navigation, the state of the connection, who is signed in. */
export function Shell(props: {
  readonly place: Place;
  readonly theme: Theme;
  readonly onTheme: () => void;
  readonly onHelp: () => void;
  readonly children: ComponentChildren;
}): JSX.Element {
  const { status, connection, problem } = useLive();
  const waiting = countIn(["queued", "starting", "running"], status?.jobs ?? {});
  return (
    <div class={`shell is-${connection}`}>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <header class="bar">
        <a class="brand" href={hrefOf("overview")}>
          <span class="mark" aria-hidden="true" />
          orch
        </a>
        <nav aria-label="Views">
          {views.map(({ view, title }) => (
            <a key={view} href={hrefOf(view)} aria-current={props.place.view === view ? "page" : undefined}>
              <Icon name={view} />
              <span>{title}</span>
              {view === "jobs" && waiting > 0 && (
                <span class="count" title={`${countText(waiting)} not over`}>
                  {waiting > 9999 ? "9999+" : countText(waiting)}
                </span>
              )}
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <ConnectionMark connection={connection} />
          <button
            type="button"
            class="icon-button"
            onClick={props.onTheme}
            aria-label={props.theme === "dark" ? "Light colours" : "Dark colours"}
          >
            <Icon name={props.theme === "dark" ? "sun" : "moon"} />
          </button>
          <button type="button" class="icon-button" onClick={props.onHelp} aria-label="Keys and help">
            <Icon name="help" />
          </button>
          <Who />
        </div>
      </header>
      {connection === "lost" && (
        <p class="lost" role="alert">
          The daemon does not answer. What you see is as it was; the page goes on as soon as it is back.
        </p>
      )}
      {problem !== null && (
        <p class="lost" role="alert">
          {errorText(problem)}
        </p>
      )}
      {props.children}
    </div>
  );
}

function skip(): void {
  document.getElementById("main")?.focus();
}

const connections: Readonly<Record<Connection, { word: string; title: string }>> = {
  connecting: { word: "connecting", title: "The page asks for the first time" },
  live: { word: "live", title: "The daemon tells of changes as they come" },
  polling: { word: "every 2 s", title: "The page asks every two seconds" },
  lost: { word: "no answer", title: "The daemon does not answer; trying again" },
  "signed-out": { word: "signed out", title: "" },
};

function ConnectionMark({ connection }: { readonly connection: Connection }): JSX.Element {
  const { word, title } = connections[connection];
  return (
    <span class={`connection is-${connection}`} title={title}>
      {word}
    </span>
  );
}

function Who(): JSX.Element | null {
  const session = useContext(SessionContext);
  const feed = useFeed();
  if (session === null) return null;
  const leave = (): void => void signOut().then(() => feed.refresh());
  return (
    <span class="who">
      <span title={`may: ${session.scopes.join(", ")}`}>{session.user}</span>
      {session.login !== "none" && (
        <button type="button" class="link-button" onClick={leave}>
          Sign out
        </button>
      )}
    </span>
  );
}
