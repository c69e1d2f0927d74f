// Programs of a debug build: after each call its result as a named view, checked for numbers that are none. Nothing is fused, so a call
// belongs to one place in the model; each line says to which, for source maps. Prints no loops.
import { positionAt, type Source, type Span, startsOfLines, textOf } from "../../base/span.ts";
import type { Origin, Role } from "../../ir/graph.ts";
import { countAt, type Dim, isStatic, type TensorType } from "../../ir/types.ts";
import type { Unit } from "../compile.ts";
import { stridesOf } from "../lower-context.ts";
import { functionDoc, type StatementDoc } from "../module-doc.ts";
import { NameScope } from "../names.ts";
import { bytesPer, persistentKey } from "../plan.ts";
import { isDense } from "../reshape-view.ts";
import { type PlacedStage, type Value, valueAt } from "../schedule.ts";
import { arenaViews, dimText } from "./print-loops.ts";
import { comment, quote } from "./text.ts";

type Program = Unit["programs"][number];

/** A line of a program, and the place in the model that it stands for. */
export interface DebugLine {
  readonly text: string;
  readonly place?: ModelPlace;
}

export interface ModelPlace {
  readonly source: Source;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** The first line of every program of a debug build; the others follow it one by one. */
export const firstDebugLine = "infinite = undefined;";

/** Names of the emitted module that statements between the calls, or the helpers, use. */
const ownNames = ["look", "infinite", "compact", "lastRows", "checkRows", "fill"];

/** Columns and parameters as views, then each call, followed by a look at its result. */
export function debugLines(unit: Unit, program: Program): DebugLine[] {
  const { kernels } = program.schedule;
  const calls = unit.kernels.calls.get(program.name)!;
  const scope = new NameScope([...ownNames, ...unit.kernels.functions.map(({ name }) => name)]);
  const parameters = new Set(unit.module.slots.flatMap(({ name, kind }) => (kind === "param" ? [`slot:${name}`] : [])));
  const locals = new Map<string, string>();
  const lines: DebugLine[] = [{ text: firstDebugLine }];

  /** A view of a value under a name of its own, checked. */
  const look = (value: Value, origins: readonly Origin[], place: ModelPlace | undefined): void => {
    const key = persistentKey(value.home, program.name, value);
    const placement = key === undefined ? undefined : unit.plan.persistent.get(key);
    if (key === undefined || !placement) return;
    const name = key.slice(key.indexOf(":") + 1);
    const { type } = value;
    const known = locals.get(key);
    const local = known ?? scope.unique(value.home.kind === "column" ? value.name : name);
    locals.set(key, local);
    const view = known ?? viewText(type, placement.offset / bytesPer(type.dtype), unit.batch);
    // Masks are infinite on purpose; a loss or a parameter never is.
    const mustBeFinite = key === "output:loss" || parameters.has(key);
    const words = `${quote(name)}, ${quote(placeText(origins))}, ${mustBeFinite}`;
    const call = `look(${view}, ${shapeText(type.shape)}, ${words});`;
    lines.push({ text: known === undefined ? `const ${local} = ${call}` : call, ...(place ? { place } : {}) });
  };

  for (const value of program.schedule.values) if (isGiven(parameters, value)) look(value, value.origins, undefined);
  const last = new Map(kernels.map(({ stages }, k) => [stages[0]!.out.value, k]));
  let head = "";
  kernels.forEach(({ stages }, k) => {
    const { origins, out } = stages[0] as PlacedStage;
    const origin = originOf(origins);
    const next = origin ? headText(origin) : "";
    if (next !== head && next !== "") lines.push({ text: `// ${next}` });
    const place = origin && (next === head ? placeAt(origin.span) : statementPlace(origin.span));
    head = next;
    const { name, args } = calls[k]!;
    lines.push({ text: `${name}(${["N", ...args].join(", ")});`, ...(place ? { place } : {}) });
    // A value that is made in parts is looked at when it is whole.
    if (last.get(out.value) === k) look(valueAt(program.schedule, out.value), origins, place);
  });
  return lines;
}

/** Columns and parameters are there before the first call. */
const isGiven = (parameters: ReadonlySet<string>, { home }: Value): boolean =>
  home.kind === "column" || (home.kind === "slot" && home.version === 0 && parameters.has(`slot:${home.slot}`));

const shapeText = (shape: readonly Dim[]): string => `[${shape.map(dimText).join(", ")}]`;

function viewText({ dtype, shape }: TensorType, offset: number, batch: number): string {
  const view = arenaViews[dtype];
  if (!isDense(shape))
    return `compact(${view}, ${offset}, ${shapeText(shape)}, [${stridesOf(shape, batch).join(", ")}])`;
  const count = countAt(shape, 1);
  const end = shape.every(isStatic) ? offset + count : `${offset} + N${count === 1 ? "" : ` * ${count}`}`;
  return `${view}.subarray(${offset}, ${end})`;
}

interface Placed {
  readonly span: Span;
  readonly role: Role;
}

const originOf = (origins: readonly Origin[]): Placed | undefined =>
  origins.find((origin): origin is Origin & Placed => origin.span !== undefined);

function placeAt({ source, start }: Span): ModelPlace {
  return { source, ...positionAt(source, start) };
}

/** Where the line of an expression begins: there a debugger stops. */
function statementPlace({ source, start }: Span): ModelPlace {
  const { line } = positionAt(source, start);
  const text = lineText(source, line);
  return { source, line, column: text.length - text.trimStart().length + 1 };
}

function lineText(source: Source, line: number): string {
  const starts = startsOfLines(source);
  return source.text.slice(starts[line - 1], starts[line] ?? source.text.length);
}

const fileName = ({ path }: Source): string => path.split(/[\\/]/).at(-1)!;

/** `"sqrt(h)" at model.nn:12:3 (backward)`. */
function placeText(origins: readonly Origin[]): string {
  const origin = originOf(origins);
  if (!origin) return "";
  const { source, line, column } = placeAt(origin.span);
  const side = origin.role === "backward" || origin.role === "update" ? ` (${origin.role})` : "";
  const text = textOf(origin.span).replace(/\s+/g, " ");
  const shown = comment(text.length > 60 ? `${text.slice(0, 57)}...` : text);
  return `"${shown}" at ${comment(fileName(source))}:${line}:${column}${side}`;
}

/** `model.nn:12 (backward): h = relu(x @ w)`. */
function headText({ span, role }: Placed): string {
  const { source, line } = placeAt(span);
  return `${comment(fileName(source))}:${line} (${role}): ${comment(lineText(source, line).trim())}`;
}

/** What the module of a debug build has besides. */
export const debugHelpers = (types: boolean): StatementDoc[] => [
  {
    kind: "text",
    lines: [
      "/** The first infinite number of this call: a NaN may come from it. */",
      `let infinite${types ? ": string | undefined" : ""};`,
    ],
  },
  functionDoc({
    name: "look",
    docs: ["A result under its name, for the debugger. A number that is none ends the call here, before it spreads."],
    parameters: [
      { name: "values", type: "Float32Array | Int32Array | Uint8Array" },
      { name: "shape", type: "readonly number[]" },
      { name: "tensor", type: "string" },
      { name: "place", type: "string" },
      { name: "mustBeFinite", type: "boolean" },
    ],
    returnType: "(Float32Array | Int32Array | Uint8Array) & { readonly shape: readonly number[] }",
    lines: [
      "for (let i = 0; i < values.length; i++) {",
      "  const value = values[i] ?? 0;",
      "  if (Number.isFinite(value)) continue;",
      "  let rest = i;",
      "  const index = shape.map(() => 0);",
      "  for (let d = shape.length - 1; d >= 0; d--) {",
      "    const size = shape[d] ?? 1;",
      "    index[d] = rest % size;",
      "    rest = Math.floor(rest / size);",
      "  }",
      '  const what = `${tensor}[${index.join(", ")}]`;',
      "  if (mustBeFinite || Number.isNaN(value)) {",
      '    const before = infinite === undefined ? "" : `; the first infinite number was ${infinite}`;',
      "    const error = new Error(`${what} is ${value}, made by ${place}${before}`);",
      '    throw Object.assign(error, { name: "NotFinite", tensor, place });',
      "  }",
      "  infinite ??= `${what}, made by ${place}`;",
      "}",
      "return Object.assign(values, { shape });",
    ],
  }),
];
