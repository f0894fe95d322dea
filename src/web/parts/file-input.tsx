import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { errorText } from "../live/api.ts";
import { uploadFile } from "../live/upload.ts";
import { bytesText } from "../model/units.ts";
import { Progress } from "./basics.tsx";

/** A file that is sent to the daemon as soon as it is chosen, or dropped here. The text is the name of the upload. */
export function FileInput(props: {
  readonly about: {
    readonly id: string;
    readonly "aria-describedby": string;
    readonly "aria-invalid": boolean;
  };
  readonly accept: readonly string[];
  readonly text: string;
  readonly onText: (text: string) => void;
}): JSX.Element {
  const [share, setShare] = useState<number | null>(null);
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const sending = useRef<AbortController | null>(null);
  useEffect(() => () => sending.current?.abort(), []);
  const send = (file: File | undefined): void => {
    sending.current?.abort();
    if (file === undefined) return props.onText("");
    const controller = new AbortController();
    sending.current = controller;
    props.onText("");
    setProblem(null);
    setShare(0);
    setSaid(`${file.name}, ${bytesText(file.size)}`);
    uploadFile(file, setShare, controller.signal)
      .then(({ upload }) => props.onText(upload))
      .catch((error: unknown) => setProblem(errorText(error)))
      .finally(() => setShare(null));
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    send(event.dataTransfer?.files[0]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one more way to what the field inside does
    <div class="file" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <input
        {...props.about}
        type="file"
        accept={props.accept.join(",")}
        onChange={(event) => send(event.currentTarget.files?.[0])}
      />
      {share !== null && <Progress fraction={share} label={`Sending ${said}`} />}
      {share === null && props.text !== "" && (
        <span class="muted">{said === "" ? "The file of before" : said} is on the host</span>
      )}
      {problem !== null && <span class="wrong">{problem}</span>}
    </div>
  );
}
