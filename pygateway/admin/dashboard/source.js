// Asks the admin server, and holds the token that it may want.

/** The admin server wants its token, or another one than it got. */
export class TokenNeeded extends Error {}

/** The admin server does not answer, or not with what was asked for; the message says which. */
export class Trouble extends Error {}

const DEADLINE = 5000;

export class Source {
  // In memory alone: whoever comes to this tab's storage later finds nothing, and the browser's
  // password manager remembers it for those who want that.
  #token = null;

  /** Use this token from now on. */
  authorize(token) {
    this.#token = token;
  }

  /** Whether there is a token that may be refused. */
  get hasToken() {
    return this.#token !== null;
  }

  /**
   * Gives the document at a path beside the page's.
   *
   * @throws {TokenNeeded | Trouble}
   */
  async document(path) {
    const headers = new Headers({ Accept: "application/json" });
    if (this.#token !== null) {
      try {
        headers.set("Authorization", `Bearer ${this.#token}`);
      } catch {
        // Letters that no header can have: it cannot be the token.
        throw new TokenNeeded();
      }
    }
    const response = await this.#fetch(path, headers);
    if (response.status === 401) throw new TokenNeeded();
    // /status and /traffic answer with 200; anything else is no document.
    if (response.status !== 200) {
      throw new Trouble(`The admin server answers with status ${response.status}.`);
    }
    try {
      return await response.json();
    } catch {
      throw new Trouble("The admin server's answer breaks off.");
    }
  }

  async #fetch(path, headers) {
    try {
      return await fetch(new URL(path, document.baseURI), {
        headers,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: AbortSignal.timeout(DEADLINE),
      });
    } catch {
      throw new Trouble("The gateway does not answer.");
    }
  }
}
