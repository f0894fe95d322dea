import type { ComponentChildren, JSX } from "preact";

/** What is known of something: its name, how it stands, and that in full. */
export type Fact = readonly [name: string, value: ComponentChildren, title?: string];

/** What is known of a job or a worker, in a list of names and values. */
export function FactList({ facts }: { readonly facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value, title]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd title={title}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
