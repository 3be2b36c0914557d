import { NonRetryableError } from "../errors.ts";
import type { NodeError } from "./node-types.ts";

/**
 * A node of a flow has failed for good, and may not: all others that could run have ended. As final as the record: another attempt
 * would get the same.
 */
export class NodeFailedError extends NonRetryableError {
  override readonly name = "NodeFailedError";
  /** The first of the flow that failed. */
  readonly node: string;
  /** The class of the error that it failed with, such as `TypeError`. */
  readonly errorClass: string;
  /** The message of that error. */
  readonly errorMessage: string;

  /** @param others the names of the others that failed */
  constructor(
    node: string,
    error: NodeError,
    others: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    const more = others.length > 0 ? `; so did ${others.join(", ")}` : "";
    super(`node ${node} failed: ${error.class}: ${error.message}${more}`, options);
    this.node = node;
    this.errorClass = error.class;
    this.errorMessage = error.message;
  }
}
