import type { RateInfo } from "@millrace/core/api";

const PERS = new Map([
  [1000, "second"],
  [60_000, "minute"],
  [3_600_000, "hour"],
  [86_400_000, "day"],
]);

/** Such as "100 a minute". */
export function rateInWords({ limit, perMs }: Pick<RateInfo, "limit" | "perMs">): string {
  const per = PERS.get(perMs);
  const count = limit.toLocaleString("en");
  return per === undefined ? `${count} in ${perMs / 1000} s` : `${count} a ${per}`;
}
