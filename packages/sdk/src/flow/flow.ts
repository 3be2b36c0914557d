import type { FlowGraph, NodeRule } from "@millrace/core";
import type { AnyJob, InputOf, Job, OutputOf } from "../job.ts";
import type { SecretDeclaration, SecretsOf } from "../secrets.ts";
import type { FanOutResult } from "../step/child-results.ts";
import type {
  ChildNodeOptions,
  ChildrenNodeOptions,
  ItemContext,
  ItemEnd,
  MapOptions,
  Needs,
  NodeContext,
  NodeOptions,
} from "./node-types.ts";

/** A name that no other node has. */
type Fresh<Name extends string, Values> = Name extends keyof Values | "input" ? never : Name;

/** The last nodes of a flow with one more: one that only a failure starts neither is one, nor follows one. */
type Ending<Last, K, D, R> = R extends "any failed" ? Last : Exclude<Last, D> | K;

/** What a flow gives: what each of its last nodes gave; null for one that did not complete. */
export type LastOf<Values, Last extends keyof Values> = {
  [K in Last]: Values[K] | null;
};

/**
 * A job whose handler is a graph of nodes. Each call adds a node, and gives a flow of one more; it is a job at every point. A node may
 * come after those above it, by their names, so there is no cycle to be written.
 *
 * A node gets the run's `input`, and what the nodes gave that it comes after. What it gives is on record, as that of a step.
 */
export interface Flow<
  Name extends string,
  Given,
  Input,
  Values extends object,
  Last extends keyof Values,
  Secret extends SecretDeclaration = never,
> extends Job<Name, Given, LastOf<Values, Last>> {
  /** Its nodes. */
  readonly graph: FlowGraph;

  /**
   * Adds a node that calls a function. What it throws is tried again as `retry` says.
   *
   * @param name a letter, then letters, digits, - and _, 60 at most
   * @throws MillraceError `invalid_job` naming the node and what is wrong
   */
  node<const K extends string, Value>(
    name: K & Fresh<K, Values>,
    run: (needs: Needs<Input, Values, never, "done">, ctx: NodeContext<SecretsOf<Secret>>) => Value,
  ): Flow<Name, Given, Input, Values & { [P in K]: Awaited<Value> }, Last | K, Secret>;
  node<
    const K extends string,
    Value,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: NodeOptions<D, R>,
    run: (needs: Needs<Input, Values, D, R>, ctx: NodeContext<SecretsOf<Secret>>) => Value,
  ): Flow<Name, Given, Input, Values & { [P in K]: Awaited<Value> }, Ending<Last, K, D, R>, Secret>;

  /**
   * Adds a node that calls a function for each item of a list, and gives what they gave, in the order of the items.
   *
   * @param list makes it of what the node gets, and of nothing else: it is called in every attempt; 10,000 items at most
   */
  map<
    const K extends string,
    Item,
    Value,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: MapOptions<D, R> & { failures: "collect" },
    list: (needs: Needs<Input, Values, D, R>) => readonly Item[],
    each: (item: Item, ctx: ItemContext<Needs<Input, Values, D, R>, SecretsOf<Secret>>) => Value,
  ): Flow<
    Name,
    Given,
    Input,
    Values & { [P in K]: ItemEnd<Awaited<Value>>[] },
    Ending<Last, K, D, R>,
    Secret
  >;
  map<
    const K extends string,
    Item,
    Value,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: MapOptions<D, R> & { failures?: "stop" },
    list: (needs: Needs<Input, Values, D, R>) => readonly Item[],
    each: (item: Item, ctx: ItemContext<Needs<Input, Values, D, R>, SecretsOf<Secret>>) => Value,
  ): Flow<
    Name,
    Given,
    Input,
    Values & { [P in K]: Awaited<Value>[] },
    Ending<Last, K, D, R>,
    Secret
  >;

  /**
   * Adds a node that is a run of another job, a child, and gives its output.
   *
   * @param input makes its input of what the node gets
   */
  child<
    const K extends string,
    J extends AnyJob,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: ChildNodeOptions<D, R>,
    job: J,
    input: (needs: Needs<Input, Values, D, R>) => InputOf<J>,
  ): Flow<Name, Given, Input, Values & { [P in K]: OutputOf<J> }, Ending<Last, K, D, R>, Secret>;

  /**
   * Adds a node that is a run of another job for each of up to 10,000 inputs, and gives their outputs, in the order of the inputs.
   *
   * @param inputs makes their inputs of what the node gets
   */
  children<
    const K extends string,
    J extends AnyJob,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: ChildrenNodeOptions<D, R> & { failures: "collect" },
    job: J,
    inputs: (needs: Needs<Input, Values, D, R>) => readonly InputOf<J>[],
  ): Flow<
    Name,
    Given,
    Input,
    Values & { [P in K]: FanOutResult<OutputOf<J>>[] },
    Ending<Last, K, D, R>,
    Secret
  >;
  children<
    const K extends string,
    J extends AnyJob,
    D extends keyof Values & string = never,
    R extends NodeRule = "all completed",
  >(
    name: K & Fresh<K, Values>,
    options: ChildrenNodeOptions<D, R> & { failures?: "stop" },
    job: J,
    inputs: (needs: Needs<Input, Values, D, R>) => readonly InputOf<J>[],
  ): Flow<Name, Given, Input, Values & { [P in K]: OutputOf<J>[] }, Ending<Last, K, D, R>, Secret>;

  /**
   * The same flow, with another output than that of its last nodes.
   *
   * @param of makes it of what each node gave, null for one that did not complete. It must be JSON
   */
  output<Output>(
    of: (values: { readonly [K in keyof Values]: Values[K] | null }) => Output,
  ): Job<Name, Given, Output>;
}
