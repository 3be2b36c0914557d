import { QUERY_FIELDS, QuerySyntaxError, parseQuery } from "@millrace/core";
import { useEffect, useId, useState } from "preact/hooks";
import { useSearchableFields } from "../../data/searchable-fields.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { go, withQuery } from "../../routing/router.ts";
import { QUICK, fieldsToComplete, statusOf, withStatus } from "./run-query.ts";

/** Where one writes what one looks for; Enter looks. It stands in the address. */
export function SearchBox({ query }: { query: string }) {
  const [text, setText] = useState(query);
  const [wrong, setWrong] = useState<QuerySyntaxError>();
  const [help, setHelp] = useState(false);
  const [written, setWritten] = useState(false);
  const id = useId();
  const completed = fieldsToComplete(text, useSearchableFields(written));
  useEffect(() => {
    setText(query);
    setWrong(troubleWith(query));
  }, [query]);
  const look = () => {
    const trouble = troubleWith(text);
    setWrong(trouble);
    if (!trouble) go(withQuery({ q: text.trim() }));
  };
  return (
    <>
      <form
        role="search"
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          look();
        }}
      >
        <input
          type="search"
          aria-label="Search runs"
          aria-describedby={wrong ? id : undefined}
          aria-invalid={wrong ? "true" : undefined}
          placeholder={`status:failed job:contact.* input.tenant:acme age:<1h "503"`}
          spellcheck={false}
          autocomplete="off"
          list={completed.length > 0 ? `${id}-fields` : undefined}
          value={text}
          onFocus={() => setWritten(true)}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setWrong(undefined);
          }}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
        />
        <datalist id={`${id}-fields`}>
          {completed.map((whole) => (
            <option key={whole} value={whole} />
          ))}
        </datalist>
        <button type="submit">Search</button>
        <button
          type="button"
          aria-haspopup="dialog"
          aria-label="What can be searched for"
          onClick={() => setHelp(true)}
        >
          ?
        </button>
      </form>
      {wrong && (
        <p id={id} class="wrong" role="alert">
          <Mended wrong={wrong} text={text} onMend={setText} />
        </p>
      )}
      {help && <QueryHelp onClose={() => setHelp(false)} />}
    </>
  );
}

/** What is wrong with the query, and the word that was perhaps meant, to be put there. */
function Mended({
  wrong,
  text,
  onMend,
}: {
  wrong: QuerySyntaxError;
  text: string;
  onMend: (text: string) => void;
}) {
  const { at, length, nearest } = wrong;
  const mended = nearest !== null && text.slice(0, at) + nearest + text.slice(at + length);
  return (
    <>
      {wrong.message.replace(/; did you mean .*\?$/, "")}
      {mended && (
        <>
          {". "}
          <button type="button" class="link" onClick={() => onMend(mended)}>
            Make it {nearest}
          </button>
        </>
      )}
    </>
  );
}

/** What is wrong with a query; undefined for nothing. */
export function troubleWith(text: string): QuerySyntaxError | undefined {
  try {
    parseQuery(text);
    return undefined;
  } catch (error) {
    if (error instanceof QuerySyntaxError) return error;
    throw error;
  }
}

function QueryHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="What can be searched for" onClose={onClose} wide>
      <p>
        Words are found anywhere in a run; <code>-</code> before something leaves it out. Of one
        field any value may hold, of several fields each must:{" "}
        <code>status:failed,cancelled job:crm.* age:&lt;1h "503"</code>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Takes</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {QUERY_FIELDS.map(({ name, values, description }) => (
            <tr key={name}>
              <td>
                <code>{name}:</code>
              </td>
              <td>{values}</td>
              <td>{description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
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
