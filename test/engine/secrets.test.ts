import { KeyRing, loadSecrets, requireKeys, rotateSecrets } from "millrace";
import { expect, test } from "vitest";
import { seal } from "../../packages/server/src/security/envelope.ts";
import { EnvironmentSource } from "../../packages/server/src/security/environment-source.ts";
import { FileSource } from "../../packages/server/src/security/file-source.ts";
import { Mill } from "../support/mill.ts";
import { newKey, secretKeys } from "../support/secret-keys.ts";
import { ADMIN, storeSecret } from "../support/secrets.ts";

const SECRETS = 10_000;

const sources = { env: new EnvironmentSource({}), file: new FileSource("/nowhere") };

const nameOf = (n: number) => `SECRET_${n}`;

test("S6: 10,000 secrets come under a new key while they are read, no read fails, and without the old key all are read", async () => {
  const mill = await Mill.create();
  const [old, fresh] = [newKey(), newKey()];
  const before = new KeyRing([old]);
  const names = Array.from({ length: SECRETS }, (_, n) => nameOf(n));
  const sealed = names.map((name) => seal(before, { name, version: 1 }, `value of ${name}`));
  await mill.rows(
    `insert into millrace.secret (name, version, wrapped_key, sealed, created_by, changed_by)
     select name, 1, wrapped_key, sealed, 'test', 'test' from unnest($1::text[], $2::bytea[], $3::bytea[]) s (name, wrapped_key, sealed)`,
    [names, sealed.map(({ wrappedKey }) => wrappedKey), sealed.map((one) => one.sealed)],
  );
  const both = secretKeys([fresh, old]);
  const read = async (wanted: readonly string[], keys = both) => {
    const { values } = await loadSecrets(mill.db, { keys, sources }, "any", wanted);
    expect(Object.keys(values)).toEqual(wanted);
    for (const name of wanted) expect(values[name]).toBe(`value of ${name}`);
  };
  let rotating = true;
  let reads = 0;
  const reader = async (seed: number) => {
    for (let at = seed; rotating; at = (at * 31 + 7) % SECRETS) {
      await read([nameOf(at), nameOf((at + 1) % SECRETS)]);
      reads++;
    }
  };
  const readers = [1, 2, 3].map(reader);
  const rotated = await rotateSecrets(mill.db, ADMIN, both).finally(() => {
    rotating = false;
  });
  await Promise.all(readers);
  expect(rotated).toEqual({
    keyId: new KeyRing([fresh]).first.id,
    rewrapped: SECRETS,
    subjects: 0,
    unopened: [],
  });
  expect(reads).toBeGreaterThan(10);

  const alone = secretKeys([fresh]);
  await requireKeys(mill.db, alone);
  for (let from = 0; from < SECRETS; from += 500) await read(names.slice(from, from + 500), alone);
  expect(await rotateSecrets(mill.db, ADMIN, both)).toMatchObject({ rewrapped: 0 });
});

test("S6: two who rotate at once, and one who sets meanwhile, leave every secret readable", async () => {
  const mill = await Mill.create();
  const [old, fresh] = [newKey(), newKey()];
  for (let n = 0; n < 50; n++)
    await storeSecret(mill.db, secretKeys([old]), nameOf(n), `it was ${n}`);
  const both = secretKeys([fresh, old]);
  await Promise.all([
    rotateSecrets(mill.db, ADMIN, both),
    rotateSecrets(mill.db, ADMIN, both),
    ...Array.from({ length: 25 }, (_, n) =>
      storeSecret(mill.db, both, nameOf(n * 2), `it is now ${n * 2}`),
    ),
  ]);
  await rotateSecrets(mill.db, ADMIN, both);
  const names = Array.from({ length: 50 }, (_, n) => nameOf(n));
  const { values } = await loadSecrets(
    mill.db,
    { keys: secretKeys([fresh]), sources },
    "any",
    names,
  );
  expect(Object.values(values)).toEqual(
    names.map((_, n) => (n % 2 === 0 ? `it is now ${n}` : `it was ${n}`)),
  );
});

test("S6: a secret that no key opens stays as it is, is named, and does not hold up the others", async () => {
  const mill = await Mill.create();
  const [old, fresh] = [newKey(), newKey()];
  for (const name of ["ONE", "TWO", "SIX"]) {
    await storeSecret(mill.db, secretKeys([old]), name, `the value of ${name}`);
  }
  await mill.rows(
    "update millrace.secret set wrapped_key = set_byte(wrapped_key, 30, 255 - get_byte(wrapped_key, 30)) where name = 'SIX'",
  );
  expect(await rotateSecrets(mill.db, ADMIN, secretKeys([fresh, old]))).toMatchObject({
    rewrapped: 2,
    unopened: ["SIX"],
  });
});

test("S6: who lacks a key that secrets are under neither starts, nor sets, nor rotates", async () => {
  const mill = await Mill.create();
  const [old, fresh] = [newKey(), newKey()];
  await storeSecret(mill.db, secretKeys([old]), "CRM_TOKEN", "the token of the crm");
  const id = new KeyRing([old]).first.id;
  const says = `secrets, or subjects of runs, in the database are encrypted under the key ${id}, and the keys of the test does not have it`;
  for (const keys of [secretKeys([fresh]), secretKeys([])]) {
    await expect(requireKeys(mill.db, keys)).rejects.toThrow(says);
    await expect(rotateSecrets(mill.db, ADMIN, keys)).rejects.toThrow(says);
    await expect(storeSecret(mill.db, keys, "OTHER", "another token")).rejects.toThrow(says);
  }
});
