/** The input of every benchmarked run: about a hundred bytes of JSON text. */
export const INPUT = JSON.stringify({
  order: "a4c1d9e0-77b2-4f0e-9d5c-2f6f6c1e8b11",
  customer: 48_213,
  note: "about a hundred bytes",
});
