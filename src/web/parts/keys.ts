import { useEffect, useRef } from "preact/hooks";

interface Keys {
  readonly onHelp: () => void;
  readonly onTheme: () => void;
  /** 0 = the first view. */
  readonly onView: (index: number) => void;
}

/** Letters after "g", in the order of the views. */
const letters = ["o", "j", "g", "w", "r", "t", "s"];
const CHORD_MS = 1_500;

/** The page's keys: "/" filter, "?" help, "t" theme, 1 to 7 or "g" and a letter for views. Not while somebody types. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const isChord = event.timeStamp < chordUntil;
      chordUntil = 0;
      const view = isChord ? letters.indexOf(event.key) : Number(event.key) - 1;
      if (view >= 0 && view < letters.length) latest.current.onView(view);
      else if (event.key === "g") chordUntil = event.timeStamp + CHORD_MS;
      else if (event.key === "?") latest.current.onHelp();
      else if (event.key === "t") latest.current.onTheme();
      else if (event.key !== "/" || !focusFilter()) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

/** Whether a key goes into a field. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog") !== null;
}

function focusFilter(): boolean {
  const field = document.querySelector<HTMLInputElement>("input[type=search]");
  field?.focus();
  field?.select();
  return field !== null;
}
