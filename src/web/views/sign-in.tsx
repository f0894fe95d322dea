import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorText } from "../live/api.ts";
import { signIn } from "../live/session.ts";
import { useFeed } from "../live/use-live.ts";

/** How to get in, for whoever is not. */
export function SignIn(): JSX.Element {
  const feed = useFeed();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get("key") ?? "").trim();
    setIsBusy(true);
    signIn(key)
      .then(() => feed.refresh())
      .catch((error: unknown) => setProblem(errorText(error)))
      .finally(() => setIsBusy(false));
  };
  return (
    <main class="sign-in" id="main">
      <h1>
        <span class="mark" aria-hidden="true" />
        orch
      </h1>
      <p>You are not signed in, or the daemon was restarted since.</p>
      <h2>On the host</h2>
      <p>
        Run <code>orch dashboard</code>. It opens this page with a link that signs you in once.
      </p>
      <h2>From elsewhere</h2>
      <form onSubmit={submit}>
        <label for="key">API key</label>
        <div class="row">
          <input
            id="key"
            name="key"
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            placeholder="orch_…"
            aria-describedby="key-help"
          />
          <button type="submit" class="button is-main" disabled={isBusy}>
            Sign in
          </button>
        </div>
        <p id="key-help" class="muted">
          Made on the host by <code>orch keys add --name laptop</code>. It is not kept in the browser.
        </p>
        {problem !== null && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </form>
    </main>
  );
}
