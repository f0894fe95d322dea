import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const keys: readonly (readonly [string, string])[] = [
  ["1 … 7", "overview, jobs, GPUs, workers, runtimes, timetable, statistics"],
  ["g then o j g w r t s", "the same by their letters"],
  ["/", "to the filter of the list"],
  ["j k", "next and previous job in the list"],
  ["Enter", "open the job, array or worker that has the focus; press a button"],
  ["Esc", "close what is open, leave a field"],
  ["Tab", "to every button and field, in order"],
  ["Ctrl Enter", "submit the form one is in"],
  ["t", "light or dark"],
  ["?", "this help"],
];

/** The keys of the page. */
export function Help({
  isOpen,
  onClose,
}: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">
        The filter takes words, a job's number, or a condition such as{" "}
        <code>state = failed and runtime = sdxl</code>.
      </p>
      <form method="dialog">
        <button type="submit" class="button is-main">
          Close
        </button>
      </form>
    </dialog>
  );
}
