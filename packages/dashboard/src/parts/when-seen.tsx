import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** What asks the server for itself is only there once somebody has scrolled to it: a list of hundreds asks for what is looked at. */
export function WhenSeen({ children }: { children: () => ComponentChildren }) {
  const element = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true),
      { rootMargin: "100px" },
    );
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  return (
    <div ref={element} class="when-seen">
      {seen && children()}
    </div>
  );
}
