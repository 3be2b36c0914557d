/** Drawn on 16 by 16, because no font has all of them everywhere. */
const SHAPES = {
  queued: <circle cx="8" cy="8" r="5.5" />,
  scheduled: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 4.5V8l2.5 1.5" />
    </>
  ),
  running: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
    </>
  ),
  waiting: (
    <path d="M4 2.5h8M4 13.5h8M4.5 2.5c0 3 3.5 4 3.5 5.5s-3.5 2.5-3.5 5.5M11.5 2.5c0 3-3.5 4-3.5 5.5s3.5 2.5 3.5 5.5" />
  ),
  retrying: <path d="M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3" />,
  completed: <path d="m3 8.5 3.5 3.5L13 4.5" />,
  failed: <path d="m3.5 3.5 9 9m0-9-9 9" stroke-width="2" />,
  lost: <path d="M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z" fill="currentColor" />,
  released: <path d="M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M6 3 2.5 6.5 6 10" />,
  dead: (
    <>
      <rect x="2.5" y="2.5" width="11" height="11" rx="1" />
      <rect x="5.5" y="5.5" width="5" height="5" fill="currentColor" />
    </>
  ),
  cancelled: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="m4 12 8-8" />
    </>
  ),
  skipped: <path d="M3 3.5 8.5 8 3 12.5zM12 3.5v9" />,
  paused: <path d="M5.5 3v10M10.5 3v10" stroke-width="2" />,
  merged: <path d="M3 2.5c0 5 5 3 5 7v4M13 2.5c0 5-5 3-5 7" />,
  warning: <path d="M8 2 1.5 13.5h13zM8 6.5v3M8 11.5v.5" />,
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1" />
      <path d="M10.5 5.5v-3h-8v8h3" />
    </>
  ),
} as const;

export type IconName = keyof typeof SHAPES;

/** Beside words, which say the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="shape" viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[name]}
    </svg>
  );
}
