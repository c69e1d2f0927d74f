// The switch between views. On a wide page the graph always stands above the others.
import { byId } from "./dom.ts";

const views = ["graph", "equations", "memory", "code", "train"] as const;
type View = (typeof views)[number];

export function mountTabs(): void {
  const narrow = matchMedia("(max-width: 899px)");
  const tabs = views.map((view) => byId<HTMLButtonElement>(`tab-${view}`));
  let shown: View = "train";
  const show = (view: View): void => {
    shown = view === "graph" && !narrow.matches ? "train" : view;
    for (const [k, name] of views.entries()) {
      const isShown = name === shown;
      tabs[k]!.setAttribute("aria-selected", String(isShown));
      tabs[k]!.tabIndex = isShown ? 0 : -1;
      const pane = byId(name);
      pane.hidden = !isShown && (name !== "graph" || narrow.matches);
      if (!pane.hidden) pane.dispatchEvent(new Event("shown"));
    }
  };
  for (const [k, tab] of tabs.entries()) {
    tab.addEventListener("click", () => {
      show(views[k]!);
      // On a phone a view has the screen to itself.
      if (narrow.matches) byId("tabs").scrollIntoView({ block: "start" });
    });
    tab.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (by === 0) return;
      const from = narrow.matches ? 0 : 1;
      const next = from + ((k - from + by + views.length - from) % (views.length - from));
      show(views[next]!);
      tabs[next]!.focus();
    });
  }
  narrow.addEventListener("change", () => show(shown));
  show(shown);
}
