import { Component, type ComponentChildren, type ComponentType } from "preact";

/**
 * A part that is drawn anew only when something that it is given is another one, or a signal that it reads has changed: in a list that is scrolled, the
 * rows that stay cost nothing.
 */
export function memo<Props extends object>(
  draw: (props: Props) => ComponentChildren,
): ComponentType<Props> {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>, state: unknown): boolean {
      // A signal asks by another state.
      if (state !== this.state) return true;
      const names = Object.keys(next) as (keyof Props)[];
      return names.some((name) => next[name] !== this.props[name]);
    }

    override render(props: Props): ComponentChildren {
      return draw(props);
    }
  };
}
