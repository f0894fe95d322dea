import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { errorOf } from "./api.ts";

/** Whoever looks at the page, and what that one may do. */
export interface Session {
  readonly user: string;
  readonly isAdmin: boolean;
  readonly scopes: readonly string[];
  /** How they came in: by a link made on the host, by an API key, or without either on the loopback. */
  readonly login: "link" | "key" | "none";
  readonly version: string;
}

/** Who looks at the page; null until that is known. */
export const SessionContext = createContext<Session | null>(null);

/** What the page may offer. It only spares people what would be refused: the daemon decides. */
export interface Rights {
  readonly mayAdmin: boolean;
  /** Whether jobs of this user may be changed. */
  mayChange(job: { readonly user: string }): boolean;
  readonly maySubmit: boolean;
}

/** What whoever looks may do. */
export function useRights(): Rights {
  const session = useContext(SessionContext);
  const has = (scope: string): boolean => session?.scopes.includes(scope) ?? false;
  const mayAdmin = has("admin") && session?.isAdmin === true;
  const maySubmit = has("submit") || has("admin");
  return { mayAdmin, maySubmit, mayChange: ({ user }) => mayAdmin || (maySubmit && user === session?.user) };
}

/** Asks who looks at the page. @throws ApiError, also when nobody is signed in */
export async function askSession(): Promise<Session> {
  const response = await fetch("/dashboard/me");
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as Session;
}

/** Begins a session with what an API key may do. @throws ApiError when it is refused */
export async function signIn(key: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch("/dashboard/login", {
    method: "POST",
    headers,
    body: JSON.stringify({ key }),
  });
  if (!response.ok) throw await errorOf(response);
}

/** Ends the session of this browser. */
export async function signOut(): Promise<void> {
  await fetch("/dashboard/logout", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
}
