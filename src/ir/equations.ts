// A graph as equations: which values get a line and a name, in which order. Knows no notation and prints nothing.
import { EquationNames } from "./equation-names.ts";
import type { Graph, Node, NodeId, Origin } from "./graph.ts";
import { meanOf } from "./notation.ts";
import { type Piece, type Site, word } from "./pieces.ts";
import { type Shape, shapeText, type TensorType } from "./types.ts";

/** How expressions are written: the language, or LaTeX. */
export interface Notation {
  /** How a value is called; of the gradient of a value, `of` is that value's name. */
  name(name: string, of?: string): Piece;
  piece(site: Site, helper: Helper): Piece;
  /** The mean that stands for `sum` divided by the number of its terms. */
  mean(site: Site): Piece;
  /** The longest expression that is put into another. */
  readonly longest: number;
}

/** Gives zeros of a shape a line and a name: what a gradient is taken by, where a model has no such value. */
export type Helper = (shape: Shape) => string;

/** An input, parameter, state, constant of a file or run-time scalar that the equations read. */
export interface Given {
  readonly kind: "input" | "param" | "state" | "load" | "scalar";
  /** As the model has it: `fc1.weight`. */
  readonly slot: string;
  /** As the equations have it: `fc1_weight`. */
  readonly name: string;
  readonly node: Node;
}

export interface Equation {
  readonly name: string;
  readonly text: string;
  readonly type: TensorType;
  readonly role: "value" | "loss" | "gradient";
  readonly origins: readonly Origin[];
  /** Of a gradient that was asked for: the parameter or input, as the model calls it. */
  readonly of?: string;
}

export interface Equations {
  readonly given: readonly Given[];
  readonly lines: readonly Equation[];
}

const leaves: ReadonlySet<string> = new Set(["input", "param", "state", "load", "scalar"]);
/** Written where they are used, however often. */
const trivial: ReadonlySet<string> = new Set(["const", "rows"]);
/** Drawn once, so written once. */
const drawn: ReadonlySet<string> = new Set(["uniform", "normal"]);

export const drawsNumbers = (graph: Graph): boolean => graph.nodes.some(({ op }) => drawn.has(op));

/** The equations of `loss` and of each `grad.NAME` among the graph's outputs. */
export const equationsOf = (graph: Graph, notation: Notation): Equations => new Writer(graph, notation).write();

/** What a line is for: an output, or nothing but its readers. */
interface Line {
  readonly name: string;
  readonly role: Equation["role"];
  readonly of?: string;
  /** The value whose gradient it is, by its name in the equations. */
  readonly gradientOf?: string;
}

class Writer {
  private readonly graph: Graph;
  private readonly notation: Notation;
  private readonly names = new EquationNames();
  private readonly pieces: Piece[] = [];
  private readonly lined = new Set<NodeId>();
  private readonly bindings = new Map<string, { readonly name: string; readonly hasLine: boolean }>();
  private readonly lines: Equation[] = [];

  constructor(graph: Graph, notation: Notation) {
    this.graph = graph;
    this.notation = notation;
  }

  write(): Equations {
    const { graph, notation } = this;
    const given = graph.nodes.filter(({ op }) => leaves.has(op)).map((node) => this.givenOf(node));
    for (const { node, name } of given) {
      this.pieces[node.id] = notation.name(name);
      this.lined.add(node.id);
    }
    const results = this.results(new Map(given.map(({ slot, name }) => [slot, name])));
    const uses = countUses(graph);
    for (const node of graph.nodes) {
      const wanted = results.get(node.id) ?? [];
      if (!leaves.has(node.op)) {
        const text = this.expression(node);
        const needsLine =
          this.isNamed(node) || uses[node.id]! > 1 || drawn.has(node.op) || text.text.length > notation.longest;
        if (wanted.length > 0) this.add(node, wanted[0]!, text);
        else if (needsLine && !trivial.has(node.op)) this.add(node, this.bindingLine(node), text);
        else this.pieces[node.id] = text;
      }
      // The same value under a further name: two gradients that are equal, a gradient that is an input.
      for (const line of leaves.has(node.op) ? wanted : wanted.slice(1)) this.push(node, line, this.pieces[node.id]!);
    }
    return { given, lines: this.lines };
  }

  private add(node: Node, line: Line, text: Piece): void {
    this.pieces[node.id] = this.push(node, line, text);
    this.lined.add(node.id);
  }

  private push({ type, origins }: Node, { name, role, of, gradientOf }: Line, { text }: Piece): Piece {
    const called = this.notation.name(name, gradientOf);
    this.lines.push({ name: called.text, text, type, role, origins, ...(of === undefined ? {} : { of }) });
    return called;
  }

  private expression(node: Node): Piece {
    const { graph, notation, pieces } = this;
    const site = (of: Node): Site => ({ graph, node: of, args: of.inputs.map((id) => pieces[id]!) });
    const sum = meanOf(graph, node);
    // A sum that others read has a line of its own.
    if (sum && !this.lined.has(sum.id)) return notation.mean(site(sum));
    return notation.piece(site(node), (shape) => {
      const name = this.names.next("zeros_");
      const type: TensorType = { dtype: "f32", shape };
      this.lines.push({ name, text: `zeros(${shapeText(shape)})`, type, role: "value", origins: [] });
      return word(name).text;
    });
  }

  private isNamed({ origins }: Node): boolean {
    return origins.some(({ label }) => label !== undefined);
  }

  private givenOf(node: Node): Given {
    const { op, attrs } = node;
    const kind = op as Given["kind"];
    const slot = String(op === "load" ? (attrs["tensor"] ?? attrs["file"]) : attrs["name"]);
    // These are words of the language.
    const isWord = op === "scalar" && ["step", "epoch", "steps"].includes(slot);
    const name = isWord ? slot : this.names.claim(op === "load" ? slot.replace(/\.[a-z]+$/, "") : slot);
    return { kind, slot, name, node };
  }

  /** The outputs by node: `loss`, and `dW` of `grad.W`. */
  private results(slotNames: ReadonlyMap<string, string>): Map<NodeId, Line[]> {
    const results = new Map<NodeId, Line[]>();
    for (const [output, id] of this.graph.outputs) {
      const of = output === "loss" ? undefined : output.slice("grad.".length);
      const gradientOf = of === undefined ? undefined : (slotNames.get(of) ?? this.names.claim(of));
      const line: Line =
        of === undefined || gradientOf === undefined
          ? { name: this.names.claim("loss"), role: "loss" }
          : { name: this.names.claim(`d${gradientOf}`), role: "gradient", of, gradientOf };
      results.set(id, [...(results.get(id) ?? []), line]);
    }
    return results;
  }

  /** The line of a value that the model names, or that is read more than once. */
  private bindingLine({ origins }: Node): Line {
    const origin = origins.find(({ label }) => label !== undefined);
    if (!origin) return { name: this.names.next("t"), role: "value" };
    const name = this.bindingName(origin, origin.role !== "backward");
    if (origin.role !== "backward") return { name, role: "value" };
    return { name: this.names.claim(`d${name}`), role: "value", gradientOf: name };
  }

  /** One name for a binding, whether its value or its gradient comes first; each round of a loop has a name of its own. */
  private bindingName({ label = "", rebound = 0, path = [] }: Origin, isValue: boolean): string {
    const long = [...path, label].join(".");
    const key = `${long} ${rebound}`;
    const known = this.bindings.get(key);
    const name = known === undefined || (isValue && known.hasLine) ? this.names.claim(label, long) : known.name;
    this.bindings.set(key, { name, hasLine: isValue || known?.hasLine === true });
    return name;
  }
}

/** How often each node is read. */
function countUses(graph: Graph): Int32Array {
  const uses = new Int32Array(graph.nodes.length);
  for (const { op, inputs } of graph.nodes) {
    for (const id of inputs) uses[id]!++;
    // In the language these are gradients by their first input, which needs a name for that.
    if (op === "max_pool_grad" || op === "max_pool_pick") uses[inputs[0]!] = 2;
  }
  return uses;
}
