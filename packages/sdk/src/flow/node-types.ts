import type { Duration, NodeRule } from "@millrace/core";
import type { Context } from "../context.ts";
import type { SecretValues } from "../secrets.ts";
import type { StepRetryOptions } from "../step/step.ts";
import type { ChildOptions, FanOutOptions } from "../step/child-options.ts";

/** What a node, or an item of a map, failed with. */
export interface NodeError {
  /** The class of the error, such as `TypeError` or `ChildFailedError`. */
  readonly class: string;
  readonly message: string;
}

/** How an item of a map ended. */
export type ItemEnd<Value> =
  | { readonly state: "completed"; readonly value: Value }
  | { readonly state: "failed"; readonly error: NodeError };

/** How a node ended. */
export type NodeEnd<Value> =
  | ItemEnd<Value>
  | {
      readonly state: "skipped";
      /** The failed node because of which it was skipped; null when its rule was not met without a failure. */
      readonly because: string | null;
    };

/** What the function of a node gets: the run's input, and what the nodes that it comes after gave, by their names. */
export type Needs<Input, Values, Name extends keyof Values, Rule extends NodeRule> = {
  readonly input: Input;
} & {
  readonly [K in Name]: Rule extends "all completed" ? Values[K] : NodeEnd<Values[K]>;
};

/** What the function of a node is told of its run. */
export interface NodeContext<
  // oxlint-disable-next-line typescript/no-explicit-any -- what takes a context takes that of every flow
  Secrets extends SecretValues = any,
> extends Pick<
  Context<unknown, Secrets>,
  | "runId"
  | "job"
  | "attempt"
  | "trigger"
  | "scheduledFor"
  | "correlationId"
  | "secrets"
  | "log"
  | "fetch"
> {
  /** The node's name. */
  readonly node: string;
  /** Aborted like the attempt's own, and when the call has taken longer than the node's timeout. */
  readonly signal: AbortSignal;
  /** The same in every try of this node (of a map: of this item) in this run, and nowhere else: hand it to the systems that you call. */
  readonly idempotencyKey: string;
}

/** The same for an item of a map. */
export interface ItemContext<
  N,
  // oxlint-disable-next-line typescript/no-explicit-any -- the same
  Secrets extends SecretValues = any,
> extends NodeContext<Secrets> {
  /** The item's place in the list, from 0. */
  readonly index: number;
  /** The run's input, and what the nodes before this one gave. */
  readonly needs: N;
}

/** Where a node stands in its flow. */
export interface EdgeOptions<Name extends string, Rule extends NodeRule> {
  /** The nodes that it comes after; see {@link after}. Default: none, it starts with the flow. */
  after?: readonly Name[];
  /** By what rule it starts when they have ended. Default `'all completed'`. */
  when?: Rule;
  /** Its failure does not fail the run. Default false. */
  mayFail?: boolean;
}

/** Options of a node that calls a function. */
export interface NodeOptions<Name extends string, Rule extends NodeRule> extends EdgeOptions<
  Name,
  Rule
> {
  /**
   * How it is tried again. A backoff of a second or more holds no worker, where nothing else of the flow is under way, and what was
   * tried is on record. Default: the flow's `retry`, else a job's: 5 attempts, exponential backoff from 1 s to 15 m with full jitter.
   */
  retry?: StepRetryOptions;
  /** How long one try may take. Default: as long as the attempt may. */
  timeout?: Duration;
}

/** Options of a map. Retry and timeout are those of each item. */
export interface MapOptions<Name extends string, Rule extends NodeRule> extends NodeOptions<
  Name,
  Rule
> {
  /** So many items are under way at once, 1 to 1,000. Default 10. */
  concurrency?: number;
  /**
   * With `'stop'`, the default, the first item that fails for good fails the node, and no more are begun; with `'collect'` all are
   * tried, and the node gives how each of them ended.
   */
  failures?: "stop" | "collect";
}

/** Options of a node that is a child. Its retries are those of its job. */
export type ChildNodeOptions<Name extends string, Rule extends NodeRule> = EdgeOptions<Name, Rule> &
  Omit<ChildOptions, "name">;

/** Options of a node that is many children. */
export type ChildrenNodeOptions<Name extends string, Rule extends NodeRule> = EdgeOptions<
  Name,
  Rule
> &
  Omit<FanOutOptions, "name">;
