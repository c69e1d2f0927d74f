// The graph view: the same picture as `nnc inspect --format svg`, with pan, zoom, fold, and the keyboard along its edges.
import { fewBoxes, fold, foldableCalls } from "../inspect/fold.ts";
import { foldLines, mostBoxes } from "../inspect/fold-lines.ts";
import { type GraphView, type ViewNode, viewOf } from "../inspect/graph-view.ts";
import { type Layout, layOut } from "../inspect/layout.ts";
import { svgText } from "../inspect/svg.ts";
import { byId, el } from "./dom.ts";
import { keysOf, sharesKey } from "./keys.ts";
import type { Store } from "./store.ts";

type Shown = "textbook" | "step";

/** Every operation, calls of functions as single boxes, or lines of the model. */
type Level = "all" | "calls" | "lines";
const levels: readonly Level[] = ["all", "calls", "lines"];

/** A picture that must be made this many times smaller cannot be read any more. */
const leastReadable = 1.8;

export function mountGraph(store: Store): void {
  const canvas = byId("graph-canvas");
  const tools = byId("graph-tools");
  const outline = byId("graph-outline");
  let shown: Shown = "textbook";
  let whole: GraphView = { nodes: [], edges: [] };
  let level: Level = "all";
  /** Calls that are single boxes at the level of calls. */
  let folded: ReadonlySet<string> = new Set();
  let layout: Layout | undefined;
  let nodes = new Map<string, ViewNode>();
  /** What the picture leaves out. */
  let note = "";
  let box = { x: 0, y: 0, width: 100, height: 100 };

  const svg = (): SVGSVGElement | null => canvas.querySelector("svg");
  const place = (): void => svg()?.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  /** How many times smaller the whole must be to be seen; never larger than life. */
  const scaleOf = ({ width, height }: Layout): number =>
    Math.max(width / Math.max(canvas.clientWidth, 1), height / Math.max(canvas.clientHeight, 1), 1);
  const viewAt = (wanted: Level): GraphView => {
    if (wanted === "all") return whole;
    const calls = fold(whole, folded);
    return wanted === "calls" ? calls : foldLines(calls);
  };
  const fitWhole = (): void => {
    if (!layout) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = scaleOf(layout);
    box = {
      width: width * scale,
      height: height * scale,
      x: (layout.width - width * scale) / 2,
      y: (layout.height - height * scale) / 2,
    };
    place();
  };
  const zoom = (by: number, at?: { readonly x: number; readonly y: number }): void => {
    const center = at ?? { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    box = {
      x: center.x - (center.x - box.x) * by,
      y: center.y - (center.y - box.y) * by,
      width: box.width * by,
      height: box.height * by,
    };
    place();
  };

  const choose = (node: ViewNode): void => {
    const said = [node.name, node.text, node.type, node.place].filter((part) => part !== "").join("   ");
    store.select({ label: said, keys: new Set(keysOf(node.origins, store.model.path)) });
  };

  const draw = (): void => {
    const view = viewAt(level);
    nodes = new Map(view.nodes.map((node) => [node.id, node]));
    layout = layOut(view);
    canvas.innerHTML = svgText(layout, { style: false });
    for (const group of canvas.querySelectorAll<SVGGElement>(".node")) {
      const node = nodes.get(group.dataset["id"]!)!;
      group.setAttribute("tabindex", "-1");
      group.setAttribute("role", "button");
      group.setAttribute("aria-label", `${node.name} ${node.text} ${node.type}, ${node.side}`);
    }
    canvas.querySelector(".node")?.setAttribute("tabindex", "0");
    outline.replaceChildren(
      ...view.nodes.map(({ name, text, type, side, place: at }) =>
        el("li", {}, `${name} ${text === "" ? "" : `= ${text}`} ${type}, ${side}, ${at}`),
      ),
    );
    drawTools();
    fitWhole();
    mark();
  };

  const drawTools = (): void => {
    const button = (label: string, title: string, pressed: boolean | undefined, action: () => void): HTMLElement => {
      const made = el(
        "button",
        { type: "button", title, ...(pressed === undefined ? {} : { "aria-pressed": String(pressed) }) },
        label,
      );
      made.addEventListener("click", action);
      return made;
    };
    const show = (next: Shown) => () => {
      shown = next;
      refresh();
    };
    tools.replaceChildren(
      button("textbook", "loss and gradients in their plainest form", shown === "textbook", show("textbook")),
      button("whole step", "forward, backward and update as they are compiled", shown === "step", show("step")),
      ...(viewAt("lines").nodes.length < whole.nodes.length
        ? [
            button("fold", "fewer boxes: calls of functions, then lines of the model", undefined, () => go(1)),
            button("unfold", "more boxes", undefined, () => go(-1)),
          ]
        : []),
      button("+", "zoom in", undefined, () => zoom(1 / 1.25)),
      button("−", "zoom out", undefined, () => zoom(1.25)),
      button("fit", "the whole graph", undefined, fitWhole),
    );
  };

  /** One level up or down, past those that change nothing. */
  const go = (by: 1 | -1): void => {
    const { length: now } = viewAt(level).nodes;
    for (let k = levels.indexOf(level) + by; k >= 0 && k < levels.length; k += by) {
      const { length: next } = viewAt(levels[k]!).nodes;
      if (next === now) continue;
      if (next > mostBoxes) break;
      level = levels[k]!;
      draw();
      return;
    }
  };

  const mark = (): void => {
    const { selection } = store;
    for (const group of canvas.querySelectorAll<SVGGElement>(".node")) {
      const node = nodes.get(group.dataset["id"]!)!;
      group.classList.toggle("selected", sharesKey(keysOf(node.origins, store.model.path), selection));
    }
    byId("graph-status").textContent = selection?.label ?? note;
  };

  const refresh = (): void => {
    const { compiled } = store;
    if (!compiled) return;
    whole = viewOf(shown === "textbook" ? compiled.textbook : compiled.step, { compact: true });
    folded = new Set([...foldableCalls(whole).keys()].filter((key) => !key.includes(".")));
    // As many boxes as can be read; lines, where nothing can.
    level =
      levels.find((each) => {
        const view = viewAt(each);
        return view.nodes.length <= fewBoxes && scaleOf(layOut(view)) <= leastReadable;
      }) ?? "lines";
    note =
      whole.nodes.length > mostBoxes && level === "lines"
        ? `${whole.nodes.length.toLocaleString("en")} boxes are too many to draw: each line of the model is one`
        : "";
    draw();
  };
  store.on("compiled", refresh);
  store.on("selection", mark);
  new ResizeObserver(fitWhole).observe(canvas);

  const nodeOf = (target: EventTarget | null): SVGGElement | null =>
    target instanceof Element ? target.closest<SVGGElement>(".node") : null;
  const open = (group: SVGGElement): void => {
    const node = nodes.get(group.dataset["id"]!);
    if (node?.kind !== "group") return;
    if (level === "lines") {
      go(-1);
      return;
    }
    folded = new Set([...folded].filter((key) => key !== node.id));
    draw();
  };
  canvas.addEventListener("dblclick", (event) => {
    const group = nodeOf(event.target);
    if (group) open(group);
  });
  canvas.addEventListener("keydown", (event) => {
    const group = nodeOf(event.target);
    if (!group) return;
    const id = group.dataset["id"]!;
    const go = (next: string | undefined): void => {
      if (next !== undefined) canvas.querySelector<SVGGElement>(`.node[data-id="${CSS.escape(next)}"]`)?.focus();
    };
    const edges = layout?.edges ?? [];
    const order = [...nodes.keys()];
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => go(edges.find(({ from }) => from === id)?.to),
      ArrowUp: () => go(edges.find(({ to }) => to === id)?.from),
      ArrowRight: () => go(order[order.indexOf(id) + 1]),
      ArrowLeft: () => go(order[order.indexOf(id) - 1]),
      Enter: () => {
        choose(nodes.get(id)!);
        open(group);
      },
    };
    const move = Object.hasOwn(moves, event.key) ? moves[event.key] : undefined;
    if (!move) return;
    event.preventDefault();
    move();
  });
  mountPan(
    canvas,
    () => box,
    (moved) => {
      box = moved;
      place();
    },
    zoom,
    (target) => {
      const group = nodeOf(target);
      if (group) choose(nodes.get(group.dataset["id"]!)!);
      else store.select(undefined);
    },
  );
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Drags the picture; a press that does not move is a click. */
function mountPan(
  canvas: HTMLElement,
  boxNow: () => Box,
  moveTo: (box: Box) => void,
  zoom: (by: number, at: { readonly x: number; readonly y: number }) => void,
  click: (target: EventTarget | null) => void,
): void {
  let start:
    | { readonly x: number; readonly y: number; readonly box: Box; readonly target: EventTarget | null }
    | undefined;
  canvas.addEventListener("pointerdown", (event) => {
    start = { x: event.clientX, y: event.clientY, box: boxNow(), target: event.target };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!start || event.buttons === 0) return;
    if (Math.hypot(event.clientX - start.x, event.clientY - start.y) < 4) return;
    canvas.setPointerCapture(event.pointerId);
    const scale = start.box.width / Math.max(canvas.clientWidth, 1);
    moveTo({
      ...start.box,
      x: start.box.x - (event.clientX - start.x) * scale,
      y: start.box.y - (event.clientY - start.y) * scale,
    });
  });
  canvas.addEventListener("pointerup", (event) => {
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) < 4) click(start.target);
    start = undefined;
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const rect = canvas.getBoundingClientRect();
      const box = boxNow();
      const at = {
        x: box.x + ((event.clientX - rect.left) / rect.width) * box.width,
        y: box.y + ((event.clientY - rect.top) / rect.height) * box.height,
      };
      zoom(event.deltaY > 0 ? 1.1 : 1 / 1.1, at);
    },
    { passive: false },
  );
}
