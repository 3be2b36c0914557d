import { useEffect, useRef } from "preact/hooks";
import { Empty, Loading } from "../parts/conditions.tsx";
import { NotLoaded, useLoaded } from "../parts/later.tsx";
import { Page } from "../parts/page.tsx";
import { Toasts } from "../parts/toast.tsx";
import { place } from "../routing/router.ts";
import { Banner } from "./banner.tsx";
import { Menu } from "./menu.tsx";
import { Navigation } from "./navigation.tsx";
import { Palette, paletteOpen } from "./palette.tsx";
import { screenAt } from "./screens.ts";
import { ShellKeys } from "./shell-keys.tsx";

/** What is around every screen. */
export function App() {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <div class="shell">
        <nav class="side" aria-label="Screens">
          <a class="brand" href="/">
            Millrace
          </a>
          <button type="button" class="find" onClick={() => (paletteOpen.value = true)}>
            Find or do <kbd aria-hidden="true">⌘K</kbd>
          </button>
          <Navigation />
        </nav>
        <div class="column">
          <Menu />
          <Banner />
          <main id="main" tabIndex={-1}>
            <CurrentScreen />
          </main>
        </div>
      </div>
      <Palette />
      <ShellKeys />
      <Toasts />
    </>
  );
}

function CurrentScreen() {
  const { path } = place.value;
  const at = screenAt(path);
  const { Part: Screen, failed } = useLoaded(at?.screen.load);
  useFocusOnArrival(path, Screen !== undefined);
  if (!at) {
    return (
      <Page title="Not here">
        <Empty title="There is nothing at this address">
          <p>
            <code>{path}</code> is none of the dashboard's. <a href="/">Go home</a>.
          </p>
        </Empty>
      </Page>
    );
  }
  if (failed) {
    return (
      <Page title="Not loaded">
        <NotLoaded />
      </Page>
    );
  }
  if (!Screen) return <Loading what={at.screen.title} />;
  // Anew for another address of the same pattern: nothing of the one before is left.
  return <Screen key={path} params={at.params} isScreen={isScreen} />;
}

function isScreen(path: string): boolean {
  return screenAt(path) !== undefined;
}

/** Who hears the page is told of the new one, by its headline. */
function useFocusOnArrival(path: string, ready: boolean): void {
  const arrived = useRef(path);
  useEffect(() => {
    if (!ready || arrived.current === path) return;
    arrived.current = path;
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [path, ready]);
}
