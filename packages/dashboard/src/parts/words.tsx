import { Clock } from "./time.tsx";

const INSTANT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the server, in which instants are said as people say them, and ids of runs lead to them. */
export function Words({ text }: { text: string }) {
  return (
    <>
      {text
        .split(INSTANT)
        .map((part, index) =>
          index % 2 === 1 ? <Clock key={index} at={part} /> : <Linked key={index} text={part} />,
        )}
    </>
  );
}

const RUN = /\b([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\b/;

function Linked({ text }: { text: string }) {
  return (
    <>
      {text.split(RUN).map((part, index) =>
        index % 2 === 1 ? (
          <a key={index} href={`/runs/${part}`}>
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </>
  );
}
