import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

const RECEIVERS = ["webhook", "slack", "pagerduty", "mail"] as const;

type Receiver = (typeof RECEIVERS)[number];

type State = "firing" | "resolved";

interface Heard {
  to: Receiver;
  rule: string;
  state: State;
  /** Of Date.now(). */
  at: number;
}

/** What a webhook, Slack, PagerDuty and a mail server are told of alerts, each in its own form. */
export class AlertReceivers implements AsyncDisposable {
  readonly heard: Heard[] = [];
  /** What came and is no notice of an alert in the form of its receiver. */
  readonly strange: string[] = [];
  readonly routingKey = "R0UTINGKEY-of-the-fault-script";
  #url = "";
  #mailHost = "";
  readonly #http = createServer((request, response) => {
    const to = request.url!.split("/")[1] as Receiver;
    void json(request).then((body) => {
      this.#hear(to, readers[to](body as never, this.routingKey), JSON.stringify(body));
      response.writeHead(to === "pagerduty" ? 202 : 200).end("ok");
    });
  });
  readonly #smtp = new SMTPServer({
    ...{ authOptional: true, hideSTARTTLS: true, logger: false },
    onData: (stream, _session, tell) => {
      let mail = "";
      stream.on("data", (part: Buffer) => (mail += part.toString("utf8")));
      stream.on("end", () => {
        this.#hear("mail", headline(mail.replaceAll(/\r\n[ \t]/g, " ")), mail);
        tell();
      });
    },
  });

  static async start(): Promise<AlertReceivers> {
    const receivers = new AlertReceivers();
    const listen = (server: { listen(port: number, host: string, done: () => void): unknown }) =>
      new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await listen(receivers.#http);
    await listen(receivers.#smtp);
    const portOf = (address: unknown) => (address as AddressInfo).port;
    receivers.#url = `http://127.0.0.1:${portOf(receivers.#http.address())}`;
    receivers.#mailHost = `127.0.0.1:${portOf(receivers.#smtp.server.address())}`;
    return receivers;
  }

  urlOf(receiver: Receiver): string {
    return receiver === "mail" ? `smtp://${this.#mailHost}` : `${this.#url}/${receiver}/hook`;
  }

  /** When the last of all was told that a rule is so; undefined while one was not. */
  allToldAt(rule: string, state: State): number | undefined {
    const times = RECEIVERS.map(
      (to) =>
        this.heard.find((one) => one.to === to && one.rule === rule && one.state === state)?.at,
    );
    return times.every((at) => at !== undefined) ? Math.max(...times) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    await new Promise<void>((resolve) => this.#smtp.close(resolve));
  }

  #hear(to: Receiver, told: [rule: string, state: State] | undefined, text: string): void {
    if (told) this.heard.push({ to, rule: told[0], state: told[1], at: Date.now() });
    else this.strange.push(`${to}: ${text.slice(0, 300)}`);
  }
}

interface Readers {
  webhook(body: { type: string; data: { rule: string } }): [string, State] | undefined;
  slack(body: { text: string; attachments: object[] }): [string, State] | undefined;
  pagerduty(
    body: {
      routing_key: string;
      event_action: string;
      dedup_key: string;
      payload: { group: string };
    },
    routingKey: string,
  ): [string, State] | undefined;
  mail(body: never): undefined;
}

const readers: Readers = {
  webhook: ({ type, data }) => {
    const [, state] = /^alert\.(firing|resolved)$/.exec(type) ?? [];
    return state === undefined ? undefined : [data.rule, state as State];
  },
  slack: ({ text, attachments }) =>
    attachments.length > 0 ? headline(`[millrace] ${text}`) : undefined,
  pagerduty: (
    { routing_key: key, event_action: action, dedup_key: dedup, payload },
    routingKey,
  ) => {
    if (key !== routingKey || !dedup || !["trigger", "resolve"].includes(action)) return undefined;
    return [payload.group, action === "trigger" ? "firing" : "resolved"];
  },
  mail: () => undefined,
};

function headline(text: string): [string, State] | undefined {
  const [, word, rule] =
    /\[millrace\] (Resolved|critical|warning|info): ([a-z-]+)/.exec(text) ?? [];
  return word === undefined ? undefined : [rule!, word === "Resolved" ? "resolved" : "firing"];
}
