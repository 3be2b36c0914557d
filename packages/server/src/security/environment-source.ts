import type { FoundSecret, SecretSource } from "./secret-source.ts";

const OURS = /^(DATABASE_URL|MILLRACE_.*)$/i;

/** Variables of the worker's environment. Only those that somebody has named in a secret are looked at. */
export class EnvironmentSource implements SecretSource {
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  resolve(name: string): Promise<FoundSecret> {
    const trouble = environmentTrouble(name);
    const value = trouble === undefined ? this.#env[name] : undefined;
    if (value) return Promise.resolve({ value });
    return Promise.reject(
      new Error(trouble ?? `the variable ${name} is not set in the environment of this worker`),
    );
  }
}

/** @returns what is wrong with it, if something is */
export function environmentTrouble(name: string): string | undefined {
  if (!/^[A-Za-z_]\w{0,199}$/.test(name)) return "env: needs the name of a variable behind it";
  return OURS.test(name) ? "DATABASE_URL and MILLRACE_ variables are not for jobs" : undefined;
}
