/** A customer as the source's API tells it. */
export interface Customer {
  id: number;
  name: string;
  email: string;
  country: string;
  updatedAt: string;
}

const FIRST = [
  "Zoë",
  "Søren",
  "Łukasz",
  "Émile",
  "Nuño",
  "Åsa",
  "Jörg",
  "Ana",
  "Mehmet",
  "Siobhán",
  "Yuki",
  "Li",
];
const LAST = [
  "Müller",
  "O'Brien",
  "Núñez",
  "Kowalski",
  "Le Goff",
  "Nguyễn",
  "Öztürk",
  "Černý",
  "王",
  "De Luca",
  "Ilić",
];
const COUNTRIES = ["DE", "FR", "NL", "AT", "ES", "IT", "PL", "SE", "DK", "IE", "CZ"];

/** The same customers each time; the step widths share no factor with the lengths, so that all combinations come. */
export function* customers(count: number): Generator<Customer> {
  const start = Date.UTC(2026, 0, 1);
  for (let id = 1; id <= count; id++) {
    yield {
      id,
      name: `${FIRST[(id * 7) % FIRST.length]} ${LAST[(id * 5) % LAST.length]}`,
      email: `customer${id}@example.org`,
      country: COUNTRIES[(id * 3) % COUNTRIES.length]!,
      updatedAt: new Date(start + id * 60_000).toISOString(),
    };
  }
}
