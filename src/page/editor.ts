// The source view: a text area over a picture of the same text, with colours, shapes, marks of mistakes and of the selection.
import { positionAt, startsOfLines } from "../base/span.ts";
import { lex } from "../dsl/lex.ts";
import { endOf } from "../dsl/tokens.ts";
import { afterQuiet, byId, el } from "./dom.ts";
import { keysOf, linesOf } from "./keys.ts";
import type { Store } from "./store.ts";

const keywords = /^(?:If|Then|Else|And|Or|Not|For|In|Fn|Param|State|Import|True|False)$/i;
/** Words of declarations, which are names elsewhere: `optimizer = sgd(…)`. */
const heads = /^(?:Dim|Hyper|Model|Loss|Metric|Optimizer|Train)$/i;

interface Mark {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Compiling waits until the typing rests. */
const rest = 250;

export function mountEditor(store: Store): void {
  const area = byId<HTMLTextAreaElement>("source-text");
  const picture = byId("source-picture");
  const problems = byId("problems");
  area.value = store.checked.source.text;

  const compileSoon = afterQuiet(rest, () => store.compile());
  area.addEventListener("input", () => {
    store.edit(area.value);
    compileSoon();
  });
  area.addEventListener("keydown", (event) => {
    // Tab leaves the editor, as everywhere on the page; two spaces are typed with Ctrl+].
    if (event.key === "]" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    }
  });
  let line = 0;
  const followCursor = (): void => {
    const at = positionAt(store.checked.source, area.selectionStart).line;
    if (at === line || document.activeElement !== area) return;
    line = at;
    selectLine(store, at);
  };
  area.addEventListener("keyup", followCursor);
  area.addEventListener("click", () => {
    line = 0;
    followCursor();
  });
  const draw = (): void => drawPicture(store, picture);
  store.on("checked", () => {
    draw();
    drawProblems(store, problems, area);
  });
  store.on("selection", draw);
  store.on("compiled", draw);
  draw();
  drawProblems(store, problems, area);
}

/** Selects everything that comes from a line. */
function selectLine(store: Store, line: number): void {
  const { compiled } = store;
  if (!compiled || store.isStale) return;
  const { source, textbook, step, unit } = compiled;
  const origins = [
    ...textbook.nodes.flatMap((node) => node.origins),
    ...step.nodes.flatMap((node) => node.origins),
    ...unit.programs.flatMap((program) => program.procedures.flatMap((procedure) => procedure.origins)),
    ...unit.module.slots.map(({ origin }) => origin),
  ];
  const here = origins.filter(
    ({ span }) => span?.source.path === source.path && positionAt(source, span.start).line === line,
  );
  const keys = keysOf(here, source.path);
  store.select(keys.length === 0 ? undefined : { label: `line ${line}`, keys: new Set(keys) });
}

function drawPicture(store: Store, picture: HTMLElement): void {
  const { source, diagnostics } = store.checked;
  const starts = startsOfLines(source);
  const marks = [
    ...colorMarks(store),
    ...diagnostics.flatMap(({ span, severity }): Mark[] =>
      span?.source.path === source.path
        ? [{ start: span.start, end: Math.max(span.end, span.start + 1), kind: severity }]
        : [],
    ),
  ];
  const inlays = inlaysOf(store);
  const selected =
    store.selection && !store.isStale ? linesOf(store.selection.keys, source) : new Map<number, Set<string>>();
  const worst = new Map<number, string>();
  for (const { span, severity, message } of diagnostics) {
    if (span?.source.path === source.path && severity !== "hint")
      worst.set(positionAt(source, span.start).line, message);
  }
  const byLine: Mark[][] = starts.map(() => []);
  for (const mark of marks) byLine[positionAt(source, mark.start).line - 1]!.push(mark);
  picture.replaceChildren(
    ...starts.map((start, k) => {
      const end = k + 1 < starts.length ? starts[k + 1]! - 1 : source.text.length;
      const sides = selected.get(k + 1);
      const line = el("div", {
        class: ["line", ...(sides ? ["selected", ...sides] : []), ...(worst.has(k + 1) ? ["wrong"] : [])].join(" "),
      });
      paintLine(line, source.text, start, end, byLine[k]!);
      const inlay = inlays.get(k + 1);
      if (worst.has(k + 1)) line.append(el("span", { class: "inlay message" }, `  ${worst.get(k + 1)!}`));
      else if (inlay) line.append(el("span", { class: "inlay" }, `  ${inlay}`));
      return line;
    }),
  );
}

/** The pieces of a line between the ends of its marks. */
function paintLine(line: HTMLElement, text: string, start: number, end: number, marks: readonly Mark[]): void {
  const cuts = new Set([start, end]);
  for (const mark of marks) {
    cuts.add(Math.min(end, mark.start));
    cuts.add(Math.min(end, mark.end));
  }
  const places = [...cuts].sort((a, b) => a - b);
  for (let k = 0; k + 1 < places.length; k++) {
    const [from, to] = [places[k]!, places[k + 1]!];
    const kinds = marks.filter((mark) => mark.start <= from && mark.end >= to).map(({ kind }) => kind);
    const piece = text.slice(from, to);
    line.append(kinds.length === 0 ? piece : el("span", { class: kinds.join(" ") }, piece));
  }
  if (start === end) line.append("\u200b");
}

function colorMarks({ checked: { source } }: Store): Mark[] {
  const { tokens, comments } = lex(source);
  const marks: Mark[] = comments.map(({ span }) => ({ start: span.start, end: span.end, kind: "comment" }));
  for (const token of tokens) {
    const { name } = token.tokenType;
    const isHead = heads.test(name) && (source.text[token.startOffset - 1] ?? "\n") === "\n";
    const isWord = isHead || keywords.test(name);
    const kind = name === "NumberText" ? "number" : name === "StringText" ? "string" : isWord ? "keyword" : undefined;
    if (kind) marks.push({ start: token.startOffset, end: endOf(token), kind });
  }
  return marks;
}

/** Shapes of what lines bind; a line's last binding stands for it. */
function inlaysOf({ checked: { module, source } }: Store): Map<number, string> {
  const inlays = new Map<number, string>();
  for (const { type, origin } of module?.bindings ?? []) {
    if (origin.span?.source.path !== source.path) continue;
    const { line } = positionAt(source, origin.span.start);
    const shown = source.text.slice(startsOfLines(source)[line - 1]!, source.text.indexOf("\n", origin.span.start));
    // What the line says itself is not repeated.
    if (!shown.includes(type)) inlays.set(line, type);
  }
  return inlays;
}

function drawProblems(store: Store, problems: HTMLElement, area: HTMLTextAreaElement): void {
  const { diagnostics, source } = store.checked;
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  problems.replaceChildren(
    ...diagnostics.map(({ severity, message, help, span, code }) => {
      const place =
        span?.source.path === source.path ? `line ${positionAt(source, span.start).line}` : (span?.source.path ?? "");
      const item = el(
        "button",
        { type: "button", class: `problem ${severity}`, title: code },
        el("b", {}, `${severity}, ${place}`),
        ` ${message}`,
        help ? el("span", { class: "help" }, ` ${help}`) : undefined,
      );
      item.addEventListener("click", () => {
        area.focus();
        if (span) area.setSelectionRange(span.start, span.end);
      });
      return item;
    }),
  );
  const state = byId("source-state");
  state.textContent =
    errors > 0
      ? `${errors} ${errors === 1 ? "mistake" : "mistakes"}; the last good program goes on`
      : `checked in ${store.checkTime.toFixed(store.checkTime < 10 ? 1 : 0)} ms`;
  document.body.classList.toggle("stale", errors > 0);
}
