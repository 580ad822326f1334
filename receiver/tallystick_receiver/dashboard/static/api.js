// Questions to the API. An answer is JSON; anything else is a Problem that a page can show.

const SECONDS_MAX = 35;

/** What a Problem says when nobody answered. */
export const AWAY = "the receiver does not answer";

/** Why there is no answer: status 0 where nobody answered at all. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Ask: parameters may be arrays (repeated) and null (left out). */
export async function ask(path, parameters = {}, { method = "GET", body, headers = {}, signal } = {}) {
  const limit = AbortSignal.timeout(SECONDS_MAX * 1000);
  let response;
  try {
    response = await fetch(address(path, parameters), {
      method,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, AWAY);
  }
  if (response.status === 204) return null;
  const content = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, content?.detail ?? response.statusText);
  return content;
}

/** A path with its query. */
export function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null && one !== undefined) query.append(key, one);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The parameters of /api/usage that a state's filters mean. */
export function filtersOf(state) {
  const found = { orgId: state.org, projectId: state.project, tz: state.tz };
  for (const [key, value] of state.filters) (found[`attr.${key}`] ??= []).push(value);
  return found;
}
