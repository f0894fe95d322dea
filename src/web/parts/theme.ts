import { useEffect, useLayoutEffect, useState } from "preact/hooks";

/** Light or dark, as the host's system has it until somebody switches. */
export type Theme = "light" | "dark";

const KEY = "orch-theme";
const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme | null {
  try {
    const kept = window.localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : null;
  } catch {
    // Storage may be shut off; then the choice lives as long as the page.
    return null;
  }
}

/** The theme of the page, and what switches it. */
export function useTheme(): [Theme, () => void] {
  const [choice, setChoice] = useState(chosen());
  const [, drawAgain] = useState(0);
  useEffect(() => {
    const change = (): void => drawAgain((count) => count + 1);
    systemDark.addEventListener("change", change);
    return () => systemDark.removeEventListener("change", change);
  }, []);
  const theme = choice ?? (systemDark.matches ? "dark" : "light");
  // Before anything below reads the colours.
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const flip = (): void => {
    const other = theme === "dark" ? "light" : "dark";
    setChoice(other);
    try {
      window.localStorage.setItem(KEY, other);
    } catch {
      // As above.
    }
  };
  return [theme, flip];
}
