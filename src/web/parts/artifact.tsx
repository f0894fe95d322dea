import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { JobView } from "../../protocol/views.ts";
import { errorOf, errorText } from "../live/api.ts";
import { artifactKind } from "../model/output-text.ts";
import { bytesText } from "../model/units.ts";

const MOST_TEXT_BYTES = 64 * 1024;

/** A file that a job made: pictures, sound and text as such, anything else as a link. */
export function Artifact(props: {
  readonly job: number;
  readonly index: number;
  readonly artifact: JobView["artifacts"][number];
}): JSX.Element {
  const { name, bytes } = props.artifact;
  const url = `/api/v1/jobs/${props.job}/artifacts/${props.index}`;
  const kind = artifactKind(props.artifact);
  return (
    <figure class={`artifact is-${kind}`}>
      {kind === "text" && <TextOf url={url} />}
      {kind !== "text" && kind !== "file" && <MediaOf url={url} kind={kind} name={name} />}
      <figcaption>
        <a href={url} download={name}>
          {name}
        </a>
        <span class="muted">{bytesText(bytes)}</span>
      </figcaption>
    </figure>
  );
}

interface MediaProps {
  readonly url: string;
  readonly kind: "image" | "audio" | "video";
  readonly name: string;
}

function MediaOf({ url, kind, name }: MediaProps): JSX.Element {
  const [isBroken, setIsBroken] = useState(false);
  const onError = (): void => setIsBroken(true);
  if (isBroken) return <p class="problem">The file cannot be shown; it may have been removed.</p>;
  if (kind === "image")
    return (
      <a class="media" href={url} target="_blank" rel="noreferrer">
        <img src={url} alt={name} loading="lazy" onError={onError} />
      </a>
    );
  if (kind === "audio")
    // biome-ignore lint/a11y/useMediaCaption: what a model made has no captions
    return <audio class="media" src={url} controls preload="metadata" aria-label={name} onError={onError} />;
  // biome-ignore lint/a11y/useMediaCaption: as above
  return <video class="media" src={url} controls preload="metadata" aria-label={name} onError={onError} />;
}

function TextOf({ url }: { readonly url: string }): JSX.Element {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    readStart(url, controller.signal)
      .then(setText)
      .catch((error: unknown) => !controller.signal.aborted && setText(errorText(error)));
    return () => controller.abort();
  }, [url]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
    <pre class="output" tabIndex={0}>
      {text ?? "…"}
    </pre>
  );
}

async function readStart(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetchFile(url, signal);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (reader !== undefined && text.length < MOST_TEXT_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  await reader?.cancel();
  return `${text.slice(0, MOST_TEXT_BYTES)}\n…`;
}

async function fetchFile(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw await errorOf(response);
  return response;
}
