// What an emitted library has where workers may take part: `work` for them, and for the trainer a way to call them and to end it.
// Only what is rare is here; how threads are called and wait is WebAssembly.
import type { Emission } from "../emission.ts";
import { functionDoc, type StatementDoc } from "../module-doc.ts";
import { mostTold, teamWords } from "./team.ts";

/** As elements of an Int32Array that begins where the team's words do. */
const at = (word: keyof typeof teamWords): number => teamWords[word] / 4;

/** `base`: where the words begin; `passed`: what the module imports. */
export const teamTop = (base: number, passed: readonly string[]): StatementDoc[] => [
  {
    kind: "interface",
    name: "Team",
    docs: ["What a worker needs to take part; any number of them may, at any time. The results are the same bits."],
    properties: [
      { docs: [], name: "module", type: "object" },
      { docs: [], name: "memory", type: "{ readonly buffer: SharedArrayBuffer }" },
    ],
    methods: [],
  },
  functionDoc({
    name: "work",
    exported: true,
    docs: [
      "For a worker that was sent `trainer.team`: takes part in what the trainer does, until that disbands the team.",
    ],
    parameters: [{ name: "team", type: "Team" }],
    returnType: "void",
    lines: [
      "const { module, memory } = team;",
      "const words = wordsOf(memory);",
      "let disband = () => {};",
      "let joined = 0;",
      "try {",
      `  const programs = new WebAssembly.Instance(module, { env: { ${passed.join(", ")}, sleeps: 1 } }).exports;`,
      "  disband = programs.disband;",
      "  joined = 1;",
      "  programs.work();",
      "} catch (error) {",
      "  tell(words, error);",
      "  disband();",
      "}",
      `Atomics.sub(words, ${at("workers")}, joined);`,
    ],
  }),
  functionDoc({
    name: "wordsOf",
    docs: ["What threads tell each other."],
    parameters: [{ name: "memory", type: 'Team["memory"]' }],
    returnType: "Int32Array",
    lines: [`return new Int32Array(memory.buffer, ${base}, ${at("text") + mostTold / 2});`],
  }),
  functionDoc({
    name: "maySleep",
    docs: ["1 where this thread may sleep while it waits; a page's own may not."],
    parameters: [{ name: "words", type: "Int32Array" }],
    returnType: "number",
    lines: ["try {", `  Atomics.wait(words, ${at("ended")}, 0, 0);`, "  return 1;", "} catch {", "  return 0;", "}"],
  }),
  functionDoc({
    name: "tell",
    docs: ["Leaves to the trainer what failed in a worker; the first one counts."],
    parameters: [
      { name: "words", type: "Int32Array" },
      { name: "error", type: "unknown" },
    ],
    returnType: "void",
    lines: [
      `if (Atomics.exchange(words, ${at("telling")}, 1) === 1) return;`,
      "const { name, message = error, row } = Object(error);",
      "const text = JSON.stringify({ name, message: `${message}`.slice(0, 400), row });",
      `const place = new Uint16Array(words.buffer, words.byteOffset + ${teamWords.text}, ${mostTold});`,
      "for (let i = 0; i < text.length; i++) place[i] = text.charCodeAt(i);",
      `Atomics.store(words, ${at("told")}, text.length);`,
    ],
  }),
];

/** In `create`. */
export const teamFunctions: readonly StatementDoc[] = [
  functionDoc({
    name: "together",
    docs: ["Runs a program on all threads. What fails in one of them ends the team."],
    parameters: [
      { name: "run", type: "(N: number) => void" },
      { name: "rows", type: "number" },
    ],
    returnType: "void",
    lines: [
      "try {",
      "  run(rows);",
      "} catch (error) {",
      "  disband();",
      `  words[${at("told")}] = 0;`,
      "  throw error;",
      "}",
      `if (words[${at("told")}] !== 0) failed();`,
    ],
  }),
  functionDoc({
    name: "failed",
    docs: ["Throws what failed in a worker."],
    parameters: [],
    returnType: "void",
    lines: [
      "disband();",
      `const text = new Uint16Array(arena, words.byteOffset + ${teamWords.text}, words[${at("told")}]);`,
      "const { message, ...facts } = JSON.parse(String.fromCharCode(...text));",
      `words[${at("told")}] = 0;`,
      "throw Object.assign(new RangeError(message), facts);",
    ],
  }),
  functionDoc({
    name: "disband",
    docs: [],
    parameters: [],
    returnType: "void",
    lines: [
      "programs.disband();",
      "// Each is at the end of a kernel soon.",
      `while (Atomics.load(words, ${at("workers")}) > 0);`,
    ],
  }),
];

export const teamMembers: Emission["members"] = [
  { docs: ["For workers: each that calls `work` with it takes part from then on."], name: "team", type: "Team" },
  {
    docs: ["Ends `work` in all workers; from then on this thread works alone. Before they are terminated, call this."],
    name: "disband",
    type: "() => void",
  },
];
