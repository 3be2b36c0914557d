import { MillraceError } from "@millrace/core";
import type { AskedApproval, NewWait, StepPlace } from "@millrace/sdk";
import { ApprovalLinks, newLinkPart } from "../engine/approval-links.ts";
import { failpoint } from "../runtime/failpoints.ts";
import { askApprovals } from "../store/approvals.ts";
import { type NotedLinkRow, noteLinks } from "../store/links.ts";
import type { Queryable } from "../store/statement.ts";
import type { WaitRow } from "../store/waits.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type Leased, LeasedWriter, type StepMaker, persist, placesOf } from "./leased-writer.ts";

/** The address that people have for the server, without a slash at its end; undefined where nobody has said it. */
export type PublicUrl = () => string | undefined;

type NewApproval = Pick<NewWait, "name" | "ordinal" | "kind" | "forMs"> & AskedApproval;
type NewLink = StepPlace & { readonly digest: Buffer };
type AskedRow = WaitRow & { held: boolean };

/** Notes what the steps of a worker's runs ask people, and makes the links by which those answer. */
export class ApprovalWriter {
  readonly #db: Queryable;
  readonly #workerId: number;
  readonly #logger: Logger;
  readonly #publicUrl: PublicUrl;
  readonly #links: ApprovalLinks;
  readonly #asked: LeasedWriter<NewApproval, AskedRow>;
  readonly #linked: LeasedWriter<NewLink, NotedLinkRow>;

  constructor(
    db: Queryable,
    workerId: number,
    logger: Logger,
    publicUrl: PublicUrl = () => undefined,
  ) {
    this.#db = db;
    this.#workerId = workerId;
    this.#logger = logger;
    this.#publicUrl = publicUrl;
    this.#links = new ApprovalLinks(db);
    this.#asked = new LeasedWriter((items) => this.#askAll(items), logger);
    this.#linked = new LeasedWriter((items) => this.#linkAll(items), logger);
  }

  ask(maker: StepMaker, { name, ordinal, kind, forMs }: NewWait, asked: AskedApproval) {
    return this.#asked.write(maker, { name, ordinal, kind, forMs, ...asked });
  }

  /**
   * @returns the address by which an approval that was asked for may be answered
   * @throws MillraceError `invalid_setting`
   */
  async link(maker: StepMaker, { name, ordinal, kind }: StepPlace): Promise<string> {
    const base = this.#publicUrl();
    if (base === undefined) {
      throw new MillraceError(
        "invalid_setting",
        `approval ${JSON.stringify(name)}: notify is given a link, and this worker does not know the address that people have for the server; set MILLRACE_PUBLIC_URL for it`,
      );
    }
    const { part, digest } = newLinkPart();
    const { due_at: until } = await this.#linked.write(maker, { name, ordinal, kind, digest });
    if (!until) throw new Error(`approval ${name} of run ${maker.runId} does not stand any more`);
    const token = await persist(maker, this.#logger, () =>
      this.#links.sign({ runId: maker.runId, name, ordinal, until }, part),
    );
    return `${base}/approve?link=${token}`;
  }

  async #askAll(items: readonly Leased<NewApproval>[]): Promise<AskedRow[]> {
    failpoint("approval.before");
    const asked = await askApprovals(
      this.#db,
      this.#workerId,
      ...placesOf(items),
      items.map((item) => item.forMs),
      items.map((item) => item.ask),
      items.map((item) => item.details),
      items.map((item) => item.role),
    );
    failpoint("approval.after_commit");
    return asked;
  }

  async #linkAll(items: readonly Leased<NewLink>[]): Promise<NotedLinkRow[]> {
    failpoint("link.before");
    const digests = items.map((item) => item.digest);
    const noted = await noteLinks(this.#db, this.#workerId, ...placesOf(items), digests);
    failpoint("link.after_commit");
    return noted;
  }
}
