import { MillraceError } from "@millrace/core";
import type { FastifyRequest } from "fastify";
import { isLoopback } from "../runtime/loopback.ts";

/** Tells whether a request comes from a page of this server. */
export class Origins {
  readonly #known: string | undefined;

  /** @param publicUrl the address that people have for the server, if it knows it */
  constructor(publicUrl: string | undefined) {
    this.#known = publicUrl && new URL(publicUrl).origin;
  }

  /**
   * For what a browser does by itself when a page says so, such as sending its cookies.
   *
   * @throws MillraceError `cross_site`
   */
  requireSame(request: FastifyRequest): void {
    if (this.#isSame(request)) return;
    throw new MillraceError(
      "cross_site",
      "the request does not come from a page of this server: its Sec-Fetch-Site, or Origin, is missing or another",
    );
  }

  /**
   * For what programs send as well, which say nothing of an origin.
   *
   * @throws MillraceError `cross_site`
   */
  refuseOthers(request: FastifyRequest): void {
    const { origin, "sec-fetch-site": site } = request.headers;
    if (origin !== undefined || site !== undefined) this.requireSame(request);
  }

  /**
   * Browsers keep no cookie of ours that comes by plain HTTP, but from the machine itself: so whoever would log in there is told.
   *
   * @throws MillraceError `insecure_origin`
   */
  requireSecure({ headers: { origin = "" } }: FastifyRequest): void {
    if (!URL.canParse(origin)) return;
    const { protocol, hostname } = new URL(origin);
    if (protocol !== "http:" || isLoopback(hostname)) return;
    throw new MillraceError(
      "insecure_origin",
      "passwords and sessions need https, because whoever listens on the network would have them; open the server by its https address, or on its own machine",
    );
  }

  #isSame({ headers: { origin, "sec-fetch-site": site }, host }: FastifyRequest): boolean {
    // Set by the browser alone. Where it is not, as by plain HTTP, the origin is there.
    if (site !== undefined) return site === "same-origin";
    if (origin === undefined || !URL.canParse(origin)) return false;
    return origin === this.#known || new URL(origin).host === host;
  }
}
