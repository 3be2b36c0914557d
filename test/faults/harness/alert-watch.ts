import { mkdirSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { Child } from "../../support/child-process.ts";
import { freePort } from "../../support/free-port.ts";
import { installedProgram } from "../../support/servers/installed-program.ts";
import { until } from "../../support/until.ts";
import { hurriedRules } from "./hurried-rules.ts";

interface Notice {
  status: "firing" | "resolved";
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** A Prometheus that looks every second, an Alertmanager, and whom that tells. */
export class AlertWatch implements AsyncDisposable {
  /** What was told, in order. */
  readonly notices: Notice[] = [];
  readonly #processes: Child[] = [];
  #told!: Server;

  /**
   * @param folder for their data
   * @param targets the ports of 127.0.0.1 at which metrics are
   * @throws Error that says what is to be installed
   */
  static async start(folder: string, targets: readonly number[]): Promise<AlertWatch> {
    const programs = ["prometheus", "prometheus-alertmanager"].map((name) => {
      const program = installedProgram(name);
      if (!program) throw new Error(`no ${name} is installed (Debian: apt-get install ${name})`);
      return program;
    });
    const watch = new AlertWatch();
    const [prometheus, manager] = programs as [string, string];
    const told = await watch.#hear();
    const managerPort = await freePort();
    const file = (name: string, text: object | string) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, name);
      // JSON is YAML.
      writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text));
      return path;
    };
    const receiver = { name: "test", webhook_configs: [{ url: told, send_resolved: true }] };
    const route = { receiver: "test", group_by: ["..."], group_wait: "0s", group_interval: "1s" };
    await watch.#run(manager, /Listening on/, [
      `--config.file=${file("manager.yml", { route, receivers: [receiver] })}`,
      `--storage.path=${join(folder, "manager")}`,
      `--web.listen-address=127.0.0.1:${managerPort}`,
      "--cluster.listen-address=",
    ]);
    await watch.#run(prometheus, /Server is ready/, [
      `--config.file=${file("prometheus.yml", {
        global: { scrape_interval: "1s", evaluation_interval: "1s" },
        rule_files: [file("rules.yml", hurriedRules())],
        alerting: {
          alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${managerPort}`] }] }],
        },
        scrape_configs: [
          {
            job_name: "millrace",
            static_configs: [{ targets: targets.map((port) => `127.0.0.1:${port}`) }],
          },
        ],
      })}`,
      `--storage.tsdb.path=${join(folder, "prometheus")}`,
      `--web.listen-address=127.0.0.1:${await freePort()}`,
    ]);
    return watch;
  }

  /** Waits until an alert was told as that, and not as the other since; answers after how many milliseconds. */
  async until(status: Notice["status"], alert: string): Promise<number> {
    const begun = performance.now();
    await until(
      `${alert} is told as ${status}`,
      () => this.notices.findLast(({ labels }) => labels["alertname"] === alert)?.status === status,
      { deadlineMs: 60_000 },
    );
    return performance.now() - begun;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes.toReversed()) await child[Symbol.asyncDispose]();
    this.#told.closeAllConnections();
    this.#told.close();
  }

  async #run(program: string, ready: RegExp, args: string[]): Promise<void> {
    const child = await Child.start(program, args);
    this.#processes.push(child);
    await child.waitForLine(ready);
  }

  async #hear(): Promise<string> {
    this.#told = createServer((request, response) => {
      void json(request).then((body) => {
        this.notices.push(...(body as { alerts: Notice[] }).alerts);
        response.writeHead(200).end();
      });
    });
    await new Promise<void>((resolve) => {
      this.#told.listen(0, "127.0.0.1", resolve);
    });
    return `http://127.0.0.1:${(this.#told.address() as AddressInfo).port}`;
  }
}
