import { type Delivery, type Transport, type TransportObserver, createLogger } from "millrace";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";

/** A broker to try, and what the suite must be able to do there. Names are free: each test takes others. */
export interface Subject {
  /** A transport as a process of its own would open it. The suite closes it. */
  open(installation: string, observer?: TransportObserver): Promise<Transport>;
  /** Puts bytes where the messages of a queue are, past the transport; throws when the broker takes no such bytes. */
  put(installation: string, queue: string, content: Buffer): Promise<void>;
  /** Takes everything away, as an operator or a crash may. */
  flush(installation: string): Promise<void>;
}

/** What this broker cannot be asked for, with the reason. */
export type Skips = Partial<Record<"is emptied", string>>;

const ODD_NAMES = ["a.b:c/d_e-f", "0", `${"long-name/".repeat(9)}${"x".repeat(10)}`];

/** All that the suite uses, for subjects that must take them away again. */
export const QUEUES = ["mail", "urgent", "reports", ...ODD_NAMES];

/** The contract of transport.ts, as claims. What a transport does not declare is skipped, and says so. */
export function conformance(name: string, subject: () => Subject, skips: Skips = {}): void {
  describe(`the ${name} transport`, () => {
    test("a message reaches who receives its queue, and nobody else", async () => {
      const { open } = station(subject());
      const [sender, other] = [await open(), await open()];
      const mail = await listen(sender, ["mail", "urgent"]);
      const reports = await listen(other, ["reports"]);
      await quiet([mail, reports]);
      for (const { heard } of [mail, reports]) heard.length = 0;
      await other.publish(["mail", "reports"]);
      await until("both have come", () => mail.heard.length > 0 && reports.heard.length > 0);
      expect([mail.heard, reports.heard]).toEqual([["mail"], ["reports"]]);
    });

    test("every name that a queue can have is carried", async () => {
      const names = ODD_NAMES;
      const transport = await station(subject()).open();
      const { heard } = await listen(transport, names);
      await transport.publish(names);
      await until("all have come", () => new Set(heard).size === names.length);
    });

    test("of two receivers each message goes to one, or to both, as the transport declares", async () => {
      const { open } = station(subject());
      const [one, two] = [await open(), await open()];
      const ears = [await listen(one, ["mail"]), await listen(two, ["mail"])] as const;
      const count = () => ears[0].heard.length + ears[1].heard.length;
      const expected = one.capabilities.audience === "all" ? 100 : 50;
      const before = await quiet(ears);
      for (let n = 0; n < 50; n++) await one.publish(["mail"]);
      await until("all have come", () => count() >= before + expected);
      expect(await quiet(ears)).toBe(before + expected);
    });

    test("a message waits until somebody receives", async ({ skip }) => {
      const { open } = station(subject());
      const sender = await open();
      if (!sender.capabilities.keeps) skip("declared: what nobody hears is gone");
      await sender.publish(["mail"]);
      const { heard } = await listen(await open(), ["mail"]);
      await until("it has come", () => heard.length === 1);
    });

    test("a message that is released goes to another receiver", async ({ skip }) => {
      const { open } = station(subject());
      const [one, two] = [await open(), await open()];
      if (one.capabilities.audience === "all") skip("declared: the other has heard it already");
      const full = await listen(one, ["mail"], () => {});
      await two.publish(["mail"]);
      await until("it has come", () => full.deliveries.length === 1);
      full.receiver.pause();
      const idle = await listen(two, ["mail"]);
      full.deliveries[0]!.release();
      await until("it goes on", () => idle.heard.length === 1);
      expect(full.heard).toHaveLength(1);
    });

    test("a paused receiver gets nothing until it resumes", async () => {
      const transport = await station(subject()).open();
      const { heard, receiver } = await listen(transport, ["mail"]);
      const other = await listen(transport, ["urgent"]);
      await quiet([{ heard }, other]);
      receiver.pause();
      const before = heard.length;
      await transport.publish(["mail"]);
      await transport.publish(["urgent"]);
      await until("a later one has come elsewhere", () => other.heard.length > 0);
      expect(heard).toHaveLength(before);
      receiver.resume();
      await transport.publish(["mail"]);
      await until("it hears again", () => heard.length > before);
    });

    test("a message whose receiver closes without an answer goes to another", async ({ skip }) => {
      const { open } = station(subject());
      const [one, two] = [await open(), await open()];
      if (!one.capabilities.redelivers) skip("declared: nothing comes again");
      const first = await listen(one, ["mail"], () => {});
      await two.publish(["mail"]);
      await until("it has come", () => first.deliveries.length === 1);
      const second = await listen(two, ["mail"]);
      await first.receiver.close();
      await until("it comes to the other", () => second.heard.length === 1);
    });

    test("what was acknowledged does not come again", async () => {
      const { open } = station(subject());
      const transport = await open();
      const first = await listen(transport, ["mail"]);
      await quiet([first]);
      const before = first.heard.length;
      for (let n = 0; n < 30; n++) await transport.publish(["mail"]);
      await until("all have come", () => first.heard.length === before + 30);
      first.receiver.pause();
      const second = await listen(await open(), ["mail"]);
      const greeted = await quiet([second]);
      await transport.publish(["mail"]);
      await until("the new one has come", () => second.heard.length > greeted);
      await first.receiver.close();
      await quiet([second]);
      expect(second.heard.length).toBe(greeted + 1);
    });

    test("what is no message is dropped and counted, does not come again, and disturbs nobody", async () => {
      const stand = station(subject());
      const dropped: string[] = [];
      const transport = await stand.open({ ...deaf, onDropped: (why) => dropped.push(why) });
      const { heard } = await listen(transport, ["mail"]);
      const before = await quiet([{ heard }]);
      const put = await Promise.allSettled(HOSTILE.map((content) => stand.put("mail", content)));
      const taken = put.filter(({ status }) => status === "fulfilled").length;
      expect(taken).toBeGreaterThan(3);
      await transport.publish(["mail"]);
      await until("all are looked at", () => heard.length > before && dropped.length >= taken);
      await quiet([{ heard }, { heard: dropped }]);
      expect(heard).toHaveLength(before + 1);
      expect(dropped).toEqual(Array.from({ length: taken }, () => "malformed"));
    });

    test("a broker that was emptied carries on", async ({ skip }) => {
      if (skips["is emptied"]) skip(skips["is emptied"]);
      const stand = station(subject());
      const transport = await stand.open();
      const { heard } = await listen(transport, ["mail"]);
      for (let n = 1; n <= 3; n++) {
        await stand.flush();
        await until("it carries again", async () => {
          await transport.publish(["mail"]);
          return heard.length >= n;
        });
      }
    });

    test("two installations on one broker do not hear each other", async () => {
      const [ours, theirs] = [station(subject()), station(subject())];
      const [one, two] = [await ours.open(), await theirs.open()];
      const [mine, yours] = [await listen(one, ["mail"]), await listen(two, ["mail"])];
      const before = await quiet([yours]);
      await one.publish(["mail"]);
      await until("it has come", () => mine.heard.length > 0);
      await two.publish(["mail"]);
      await until("theirs has come, too", () => yours.heard.length > before);
      expect(yours.heard).toHaveLength(before + 1);
    });

    test("it answers a check, and after its end it refuses; a second end does no harm", async () => {
      const transport = await station(subject()).open();
      await listen(transport, ["mail"]);
      await transport.close();
      await transport.close();
      await expect(transport.publish(["mail"])).rejects.toThrow(/away|closed/);
      await expect(transport.check()).rejects.toThrow(/closed/);
    });
  });
}

const deaf: TransportObserver = {
  onState() {},
  onPublished() {},
  onPublishError() {},
  onReceived() {},
  onDropped() {},
};

const HOSTILE = [
  "",
  "MAIL",
  "mail\n",
  "mail\0",
  "../../etc/passwd",
  '{"$ne":1}',
  "x".repeat(129),
  "x".repeat(100_000),
  "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49 ",
].map((text) => Buffer.from(text));

export const silently = createLogger("silent");

let installations = 0;

/** An installation of its own, taken down when the running test ends. */
function station(subject: Subject) {
  const installation = `t${process.pid}-${++installations}`;
  return {
    put: (queue: string, content: Buffer) => subject.put(installation, queue, content),
    flush: () => subject.flush(installation),
    async open(observer?: TransportObserver): Promise<Transport> {
      const transport = await subject.open(installation, observer);
      onTestFinished(() => transport.close());
      return transport;
    },
  };
}

async function listen(
  transport: Transport,
  queues: string[],
  answer: (delivery: Delivery) => void = (delivery) => delivery.acknowledge(),
) {
  const heard: string[] = [];
  const deliveries: Delivery[] = [];
  const receiver = await transport.receive(queues, (delivery) => {
    heard.push(delivery.queue);
    deliveries.push(delivery);
    answer(delivery);
  });
  await until("it is there", () => transport.check().then(() => true));
  return { heard, deliveries, receiver };
}

/** How many have been heard when no more come. A transport may greet a new receiver with one for each queue. */
async function quiet(ears: readonly { heard: readonly string[] }[]): Promise<number> {
  const count = () => ears.reduce((sum, { heard }) => sum + heard.length, 0);
  let [before, since] = [count(), performance.now()];
  await until("no more come", () => {
    if (count() !== before) [before, since] = [count(), performance.now()];
    return performance.now() - since > 150;
  });
  return before;
}
