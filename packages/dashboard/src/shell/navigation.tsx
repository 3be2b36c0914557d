import { isLive, tick, useLiveTick } from "../data/live.ts";
import { useIdentity } from "../data/identity.ts";
import { inUtc, setUtc } from "../parts/moment.ts";
import { inRange } from "../routing/in-range.ts";
import { place } from "../routing/router.ts";
import { nextTheme, theme } from "./appearance.ts";
import { logOut } from "./log-out.ts";
import { SCREENS } from "./screens.ts";

/** Where one can go, and who one is. */
export function Navigation({ onLeave }: { onLeave?: () => void }) {
  const { path } = place.value;
  const me = useIdentity();
  return (
    <>
      <ul class="places">
        {SCREENS.flatMap(({ path: to, title, navigation }) => {
          if (!navigation) return [];
          const here = to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
          return (
            <li key={to}>
              <a href={inRange(to)} aria-current={here ? "page" : undefined} onClick={onLeave}>
                <span class="icon" aria-hidden="true">
                  {navigation.icon}
                </span>
                {title}
                <kbd aria-hidden="true">g {navigation.key}</kbd>
              </a>
            </li>
          );
        })}
      </ul>
      <div class="foot">
        <Liveness />
        <a href="/docs" target="_blank" rel="noreferrer">
          API reference
        </a>
        <button type="button" class="link" onClick={nextTheme}>
          Theme: {theme.value}
        </button>
        <button type="button" class="link" onClick={() => setUtc(!inUtc.value)}>
          Times: {inUtc.value ? "UTC" : "local"}
        </button>
        {me && (
          <p class="who">
            <span title={me.name}>{me.name.replace(/^person:/, "")}</span>
            <span class="muted"> · {me.role}</span>
          </p>
        )}
        <button type="button" class="link" onClick={() => void logOut()}>
          Log out
        </button>
      </div>
    </>
  );
}

/** Whether what is shown changes by itself, and what the looking costs the database. */
function Liveness() {
  useLiveTick();
  const cost = tick.value?.cost;
  if (!isLive.value) return <p class="live muted">○ asking every 5 s</p>;
  return (
    <p class="live">
      <span class="state-succeeded">●</span> live
      {cost && (
        <span class="muted" title="What watching costs the database, whoever watches">
          {" "}
          · costs {shareInWords(cost.databaseShare)}
        </span>
      )}
    </p>
  );
}

function shareInWords(share: number): string {
  return share < 0.001 ? "under 0.1\u00a0%" : `${(share * 100).toFixed(1)}\u00a0%`;
}
