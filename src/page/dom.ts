// Making and finding elements. All text goes in as text: nothing a model says becomes markup.

type Child = Node | string | false | undefined;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** As many items of a list are drawn at once. */
const part = 150;

/** The first items of a list, and where there are more a button that brings them: a deep model has thousands. */
export function inParts<T>(items: readonly T[], make: (item: T, k: number) => HTMLElement, from = 0): HTMLElement[] {
  const drawn = items.slice(from, from + part).map((item, k) => make(item, from + k));
  const left = items.length - from - drawn.length;
  if (left <= 0) return drawn;
  const more = el("button", { type: "button", class: "more" }, `${left.toLocaleString("en")} more`);
  more.addEventListener("click", () => more.replaceWith(...inParts(items, make, from + part)));
  return [...drawn, more];
}

/** An element of the page's own skeleton. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
}

/** Runs once when things have been quiet for a while. */
export function afterQuiet(milliseconds: number, action: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

export function download(name: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content]));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Draws a view when it can be seen: at once, or when its tab is next chosen. Gives what to call when there is something new. */
export function drawnWhenShown(pane: HTMLElement, draw: () => void): () => void {
  let isStale = false;
  const drawIfSeen = (): void => {
    if (pane.hidden) isStale = true;
    else {
      isStale = false;
      draw();
    }
  };
  pane.addEventListener("shown", () => {
    if (isStale) drawIfSeen();
  });
  return drawIfSeen;
}
