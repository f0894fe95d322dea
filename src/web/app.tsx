import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Connection } from "./live/live.ts";
import { askSession, type Session, SessionContext } from "./live/session.ts";
import { useLive } from "./live/use-live.ts";
import { hrefOf, type Place, readPlace, viewNames } from "./model/route.ts";
import { NotifyContext } from "./parts/actions.tsx";
import { Help } from "./parts/help.tsx";
import { useKeys } from "./parts/keys.ts";
import { type Note, Notes, useNotes } from "./parts/notes.tsx";
import { Shell } from "./parts/shell.tsx";
import { useTheme } from "./parts/theme.ts";
import { GpusView } from "./views/gpus.tsx";
import { JobsView } from "./views/jobs.tsx";
import { OverviewView } from "./views/overview.tsx";
import { RuntimeView } from "./views/runtime.tsx";
import { RuntimesView } from "./views/runtimes.tsx";
import { SignIn } from "./views/sign-in.tsx";
import { StatsView } from "./views/stats.tsx";
import { TimetableView } from "./views/timetable.tsx";
import { WorkersView } from "./views/workers.tsx";

/** The whole page. */
export function App(): JSX.Element {
  const { connection } = useLive();
  const place = usePlace();
  const [theme, flipTheme] = useTheme();
  const [notes, notify] = useNotes();
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const session = useSession(connection);
  const main = useRef<HTMLElement>(null);
  useKeys({
    onHelp: () => setIsHelpOpen(true),
    onTheme: flipTheme,
    onView: (index) => {
      const view = viewNames[index];
      if (view !== undefined) window.location.hash = hrefOf(view);
    },
  });
  useEffect(() => {
    document.title = `${titles[place.view]} · orch`;
    main.current?.focus({ preventScroll: true });
  }, [place.view]);
  if (connection === "signed-out") return <SignIn />;
  return (
    <SessionContext.Provider value={session}>
      <NotifyContext.Provider value={notify}>
        <Shell place={place} theme={theme} onTheme={flipTheme} onHelp={() => setIsHelpOpen(true)}>
          <main id="main" ref={main} tabIndex={-1} class={`view is-${place.view}`}>
            <View place={place} theme={theme} />
          </main>
        </Shell>
        <Help isOpen={isHelpOpen} onClose={() => setIsHelpOpen(false)} />
        <Notes notes={notes satisfies readonly Note[]} />
      </NotifyContext.Provider>
    </SessionContext.Provider>
  );
}

const titles = {
  ...{ overview: "Overview", jobs: "Jobs", gpus: "GPUs" },
  ...{ workers: "Workers", runtimes: "Runtimes", timetable: "Timetable", stats: "Statistics" },
} as const;

function View({ place, theme }: { readonly place: Place; readonly theme: "light" | "dark" }): JSX.Element {
  switch (place.view) {
    case "overview":
      return <OverviewView />;
    case "jobs":
      return <JobsView item={place.item} />;
    case "gpus":
      return <GpusView theme={theme} />;
    case "workers":
      return <WorkersView item={place.item} />;
    case "runtimes":
      return place.item === null ? <RuntimesView /> : <RuntimeView key={place.item} name={place.item} />;
    case "timetable":
      return <TimetableView />;
    case "stats":
      return <StatsView />;
  }
}

function usePlace(): Place {
  const [place, setPlace] = useState(readPlace(window.location.hash));
  useEffect(() => {
    const change = (): void => setPlace(readPlace(window.location.hash));
    window.addEventListener("hashchange", change);
    return () => window.removeEventListener("hashchange", change);
  }, []);
  return place;
}

/** Asked for as soon as the daemon answers, and anew after somebody signed in. */
function useSession(connection: Connection): Session | null {
  const [session, setSession] = useState<Session | null>(null);
  const isWanted = session === null && (connection === "live" || connection === "polling");
  useEffect(() => {
    if (connection === "signed-out") setSession(null);
  }, [connection]);
  useEffect(() => {
    if (!isWanted) return;
    // The feed sees for itself what is wrong.
    askSession()
      .then(setSession)
      .catch(() => undefined);
  }, [isWanted]);
  return session;
}
