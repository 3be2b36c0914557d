import { useEffect, useState } from "preact/hooks";
import { go, withQuery } from "../../routing/router.ts";
import { QUICK, statusOf, withStatus } from "./run-query.ts";

/** Where one writes what one looks for; Enter looks. It stands in the address. */
export function SearchBox({ query }: { query: string }) {
  const [text, setText] = useState(query);
  useEffect(() => setText(query), [query]);
  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        go(withQuery({ q: text.trim() }));
      }}
    >
      <input
        type="search"
        aria-label="Search runs"
        placeholder={`status:failed job:contact.* input.tenant:acme age:<1h "503"`}
        spellcheck={false}
        autocomplete="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      <button type="submit">Search</button>
    </form>
  );
}

/** The states, as links: they keep the rest of the query. */
export function QuickFilters({ query }: { query: string }) {
  const status = statusOf(query);
  return (
    <nav class="chips" aria-label="By state">
      {QUICK.map(({ title, term }) => (
        <a
          key={title}
          class="chip"
          aria-current={status === term ? "true" : undefined}
          href={withQuery({ q: withStatus(query, term) })}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}
