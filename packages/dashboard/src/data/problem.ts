import type { Problem } from "@millrace/core/api";

/** Why there is no answer: what the server said, or that none came. */
export interface Trouble {
  /** 0 when no answer came. */
  status: number;
  code: string;
  title: string;
  /** A sentence for people: what happened, where, and how to mend it. */
  detail: string;
  /** JSON Pointer to the part of the request that is wrong, where the server names one. */
  pointer?: string | undefined;
  requestId: string | undefined;
}

export class Refused extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.detail);
    this.trouble = trouble;
  }
}

export function unreachable(): Trouble {
  return {
    status: 0,
    code: "unreachable",
    title: "The server does not answer",
    detail:
      "No answer came: the server is down, or the network is cut. This is tried again by itself.",
    requestId: undefined,
  };
}

/** @param text the body, which is a problem (RFC 9457) unless something between us and the server has answered */
export function troubleOf(status: number, text: string, requestId: string | null): Trouble {
  try {
    const { code, title, detail, pointer, requestId: told } = JSON.parse(text) as Problem;
    if (typeof code === "string") return { status, code, title, detail, pointer, requestId: told };
  } catch {
    // Said below.
  }
  return {
    status,
    code: "unknown",
    title: `The answer was ${status}`,
    detail: "It is not one of Millrace's: something between this page and the server has answered.",
    requestId: requestId ?? undefined,
  };
}
