import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Loading } from "./conditions.tsx";

type Load<Props> = () => Promise<ComponentType<Props>>;

/** A part of the page that is loaded when somebody looks at it, so that the first page stays small. @param load the same at every rendering */
export function Later<Props extends object>({
  load,
  what,
  props,
}: {
  load: Load<Props>;
  what: string;
  props: Props;
}) {
  const { Part, failed } = useLoaded(load);
  if (failed) return <NotLoaded />;
  return Part ? <Part {...props} /> : <Loading what={what} />;
}

export function useLoaded<Props>(load: Load<Props> | undefined): {
  Part: ComponentType<Props> | undefined;
  failed: boolean;
} {
  const [loaded, setLoaded] = useState<{ load: Load<Props>; Part?: ComponentType<Props> }>();
  useEffect(() => {
    let isAwaited = true;
    load?.().then(
      (Part) => isAwaited && setLoaded({ load, Part }),
      () => isAwaited && setLoaded({ load }),
    );
    // What comes after somebody has turned to another part would take its place.
    return () => void (isAwaited = false);
  }, [load]);
  const mine = loaded?.load === load ? loaded : undefined;
  return { Part: mine?.Part, failed: mine !== undefined && !mine.Part };
}

/** A part of the page is not there any more, because the server is a newer one; or the server is away. */
export function NotLoaded() {
  return (
    <Empty title="This part of the dashboard could not be loaded">
      <p>The server does not answer, or it is a newer one than this page.</p>
      <p>
        <button type="button" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </p>
    </Empty>
  );
}
