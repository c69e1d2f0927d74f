// What training starts from and how a step ends: start values by name, and the optimizer around the file's update rules.
import type { Graph } from "../../ir/graph.ts";
import type { Module, SlotInfo } from "../../ir/module.ts";
import { sameShape } from "../../ir/types.ts";
import { sourceLine } from "../source-line.ts";
import { torchType } from "./pieces.ts";
import { type Place, Statements } from "./statements.ts";
import { everyName, stateName, type UpdateText } from "./updates.ts";
import { PythonScope, pythonComment, pythonString } from "./words.ts";

/** The start value of a slot as an expression, after the statements that it needs. */
function startOf(graph: Graph, { name, type }: SlotInfo, helpers: Set<string>) {
  const place: Place = {
    scope: new PythonScope(["seed", "slots", "p", "state", "model"]),
    given: new Map(),
    device: "",
    helpers,
    scalar: (number) => `NUMBERS.get(${pythonString(number)}, 0.0)`,
  };
  const root = graph.outputs.get(name)!;
  const { lines, values } = new Statements(graph, place).print([root]);
  const { text, host } = values.get(root)!;
  return {
    lines: lines.filter((line) => !line.startsWith("#")),
    text: host ? `torch.tensor(${text}, dtype=${torchType(type.dtype)})` : text,
  };
}

/** `start(seed)`: parameters and states of the model, line by line of the file. */
export function startText(module: Module, graph: Graph, helpers: Set<string>): string {
  const lines: string[] = [];
  let last = "";
  for (const slot of module.slots) {
    if (slot.optimizer || !graph.outputs.has(slot.name)) continue;
    const source = sourceLine(graph.nodes[graph.outputs.get(slot.name)!]!);
    if (source && source.key !== last) lines.push(pythonComment(source.text));
    last = source?.key ?? last;
    const start = startOf(graph, slot, helpers);
    lines.push(...start.lines, `slots[${pythonString(slot.name)}] = ${start.text}`);
  }
  return `
def start(seed):
    """Start values of all parameters and states, by name."""
    slots, random = {}, Random(seed)
${lines.map((line) => `    ${line}`).join("\n")}
    return slots`;
}

/** States of the optimizer: zeros like their parameters, unless the rule says otherwise. */
function stateLines(module: Module, graph: Graph, { rules }: UpdateText, helpers: Set<string>): string[] {
  const slots = new Map(module.slots.map((slot) => [slot.name, slot]));
  return rules.flatMap(({ names, params, states }) => {
    const all = states.map((state) => ({ state, starts: params.map((param) => startOfState(param, state)) }));
    const zeros = all.filter(({ starts }) => starts.every((start) => start === undefined)).map(({ state }) => state);
    const others = all.filter(({ state }) => !zeros.includes(state));
    const made = zeros.map((state) => `    self.state[${stateName(state)}] = torch.zeros_like(p[name])`);
    return [
      ...(made.length > 0 ? [`for name in ${names}:`, ...made] : []),
      ...others.flatMap(({ state, starts }) =>
        starts.map(
          (start, k) =>
            `self.state[${pythonString(`optimizer.${state}.${params[k]}`)}] = ${start ?? `torch.zeros_like(p[${pythonString(params[k]!)}])`}`,
        ),
      ),
    ];
  });

  /** The start value of a parameter's state; undefined for zeros of the parameter's shape. */
  function startOfState(param: string, state: string): string | undefined {
    const slot = slots.get(`optimizer.${state}.${param}`)!;
    const start = graph.nodes[graph.outputs.get(slot.name)!]!;
    const value = start.op === "broadcast" ? graph.nodes[start.inputs[0]!]! : start;
    const isZero = value.op === "const" && value.attrs["value"] === 0;
    if (isZero && slot.type.dtype === "f32" && sameShape(slot.type.shape, slots.get(param)!.type.shape))
      return undefined;
    const { lines, text } = startOf(graph, slot, helpers);
    if (lines.length > 0) throw new Error(`the start value of ${slot.name} takes more than one expression`);
    return `${text}.to(p[${pythonString(param)}].device)`;
  }
}

export function optimizerText(module: Module, graph: Graph, updates: UpdateText, helpers: Set<string>): string {
  const states = stateLines(module, graph, updates, helpers);
  const lists = updates.rules.flatMap(({ names, params }) =>
    names === everyName ? [] : [`${names} = [`, ...params.map((param) => `    ${pythonString(param)},`), "]"],
  );
  const indented = (lines: readonly string[]): string => lines.map((line) => `        ${line}\n`).join("");
  return `
class Optimizer:
    """The updates of the model file, by the gradients that backward left in the parameters."""

    def __init__(self, model):
        self.model = model
        p = model.slots()
        ${everyName} = [name for name, slot in p.items() if slot.requires_grad]
${indented(lists)}        self.state = {}
${indented(states)}
    @torch.no_grad()
    def step(self, numbers):
        p, s = self.model.slots(), self.state
        g = {name: torch.zeros_like(p[name]) if p[name].grad is None else p[name].grad for name in ${everyName}}
${indented(updates.step)}
    def put(self, name, states, values):
        """Stores the new values of a parameter and of the optimizer's states for it."""
        slots = [self.model.slots()[name], *(self.state[f"optimizer.{state}.{name}"] for state in states)]
        for slot, value in zip(slots, values):
            slot.copy_(value)
`;
}
