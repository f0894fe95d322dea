import type { JSX } from "preact";

/** Lines of a drawing on 16 × 16. */
const drawings = {
  overview: "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z",
  jobs: "M2 4h12M2 8h12M2 12h8",
  gpus: "M3 4h10v8H3zM6 7h4v2H6zM5 1.5V4M8 1.5V4M11 1.5V4M5 12v2.5M8 12v2.5M11 12v2.5",
  workers: "M1.5 4h7M5 8h9.5M3 12h6",
  runtimes: "M8 1.8l5.5 3v6.4l-5.5 3-5.5-3V4.8zM2.7 4.9L8 7.8l5.3-2.9M8 7.8v6.2",
  timetable: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.4 1.6",
  stats: "M2.5 14V8M6.2 14V3M9.9 14V6M13.5 14v-4",
  moon: "M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 .8v1.6M8 13.6v1.6M.8 8h1.6M13.6 8h1.6M2.9 2.9l1.1 1.1M12 12l1.1 1.1M2.9 13.1L4 12M12 4l1.1-1.1",
  help: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 12v.4",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  pin: "M8 10v4.5M4.5 10h7L10 7V3.5l1-1.5H5l1 1.5V7z",
} as const;

/** A small drawing in the colour of the text beside it, which says what it means. */
export function Icon({ name }: { readonly name: keyof typeof drawings }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path
        d={drawings[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linejoin="round"
        stroke-linecap="round"
      />
    </svg>
  );
}
