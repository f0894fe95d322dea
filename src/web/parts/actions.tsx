import { createContext, type JSX } from "preact";
import { useContext, useState } from "preact/hooks";
import { errorText } from "../live/api.ts";
import { useFeed } from "../live/use-live.ts";

/** Says something at the edge of the page for a while, and to screen readers. */
export type Notify = (text: string, kind?: "good" | "bad") => void;

/** Where the page says what became of an action. */
export const NotifyContext = createContext<Notify>(() => undefined);

/** A button that does something to the host: it waits for the answer, and says what went wrong. */
export function ActionButton(props: {
  readonly label: string;
  readonly done: string;
  readonly act: () => Promise<unknown>;
  readonly after?: () => void;
  readonly kind?: "plain" | "main" | "danger";
  /** Asked for before it is done. */
  readonly confirm?: string;
  readonly title?: string;
}): JSX.Element {
  const { run, isBusy } = useAction();
  const [isAsked, setIsAsked] = useState(false);
  const needsAsking = props.confirm !== undefined && !isAsked;
  const press = (): void => {
    if (needsAsking) return setIsAsked(true);
    setIsAsked(false);
    run(props.act, props.done, props.after);
  };
  return (
    <button
      type="button"
      class={`button is-${isAsked ? "danger" : (props.kind ?? "plain")}`}
      disabled={isBusy}
      title={props.title}
      onClick={press}
      onBlur={() => setIsAsked(false)}
    >
      {isAsked ? props.confirm : props.label}
    </button>
  );
}

/** Does something to the host, one thing at a time, and says what became of it. */
export function useAction(): {
  readonly run: (act: () => Promise<unknown>, done: string, after?: () => void) => void;
  readonly isBusy: boolean;
} {
  const notify = useContext(NotifyContext);
  const feed = useFeed();
  const [isBusy, setIsBusy] = useState(false);
  const run = (act: () => Promise<unknown>, done: string, after?: () => void): void => {
    setIsBusy(true);
    act()
      .then(() => {
        notify(done, "good");
        feed.refresh();
        after?.();
      })
      .catch((error: unknown) => notify(errorText(error), "bad"))
      .finally(() => setIsBusy(false));
  };
  return { run, isBusy };
}
