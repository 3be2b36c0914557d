/**
 * Runs in a page: what it shows, as a picture that is text. Of its styles those that something in it uses; both themes, by what whoever looks at it prefers.
 * A browser draws it as an image, which loads nothing and runs nothing.
 *
 * @param {{ width: number, height: number, label: string }} given
 * @returns {string}
 */
export function asSvg({ width, height, label }) {
  const used = (selector) => {
    try {
      return document.querySelector(
        selector.replaceAll(/::?(before|after|marker|hover|focus[a-z-]*|active)/g, "") || "*",
      );
    } catch {
      return true;
    }
  };
  const textOf = (rule) => {
    if (rule instanceof CSSStyleRule) {
      return rule.selectorText.split(",").some((part) => used(part.trim())) ? rule.cssText : "";
    }
    if (!(rule instanceof CSSMediaRule))
      return rule instanceof CSSLayerBlockRule ? [...rule.cssRules].map(textOf).join("\n") : "";
    const inner = [...rule.cssRules].map(textOf).filter(Boolean).join("\n");
    return inner && `@media ${rule.conditionText} {\n${inner}\n}`;
  };
  const styles = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map(textOf));
  const page = document.documentElement.cloneNode(true);
  const unseen = page.querySelectorAll("head, script, noscript, [hidden], dialog:not([open])");
  for (const element of unseen) element.remove();
  for (const link of page.querySelectorAll("[href]")) link.setAttribute("href", "#");
  const drawn = new XMLSerializer().serializeToString(page);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
<style>
${styles.filter(Boolean).join("\n").replaceAll("&", "&amp;").replaceAll("<", "&lt;")}
/* Chromium gives a shorthand of a variable as nothing where a longhand comes after it. */
html { font: var(--body); }
</style>
<foreignObject width="${width}" height="${height}">
${drawn}
</foreignObject>
</svg>
`;
}
