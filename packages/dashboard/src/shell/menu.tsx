import { useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.tsx";
import { Navigation } from "./navigation.tsx";
import { paletteOpen } from "./palette.tsx";

/** The bar at the top of small screens. */
export function Menu() {
  const [open, setOpen] = useState(false);
  return (
    <header class="bar">
      <a class="brand" href="/">
        Millrace
      </a>
      <button type="button" onClick={() => (paletteOpen.value = true)}>
        Find
      </button>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Menu
      </button>
      {open && (
        <Dialog title="Screens" onClose={() => setOpen(false)}>
          <nav aria-label="Screens">
            <Navigation onLeave={() => setOpen(false)} />
          </nav>
        </Dialog>
      )}
    </header>
  );
}
