// What is too much: limits that keep a hostile or mistaken file from taking all time and memory.
import { entry } from "../diagnostic.ts";
import { sizeText } from "../size-text.ts";
import { net } from "./sample-files.ts";

export const limits = {
  "limit/calls": entry<{ fn: string; limit: number }>({
    severity: "error",
    message: ({ fn, limit }) => `\`${fn}\` is the ${limit + 1}th call inside another.`,
    help: () => "A function that is handed to itself never ends; repeat with `for`.",
    page: {
      explain:
        "Calls are expanded where they stand. A function that reaches itself through an argument would be expanded for ever.",
      bad: `fn again(f, x) = f(f, x)\n\n${net("again(again, x)")}`,
      good: `fn again(f, x) = f(f(x))\n\n${net("again(relu, x)")}`,
    },
  }),
  "limit/nesting": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `This nests more than ${limit} levels deep.`,
    help: () => "Bind parts of it to names.",
    page: {
      explain:
        "Calls inside expressions inside calls are followed to a fixed depth, so that no file can exhaust the stack.",
    },
  }),
  "limit/rounds": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) =>
      `Loops and ranges of this file go over more than ${limit} rounds in all, the limit \`rounds\`.`,
    help: () =>
      "Loops are unrolled into the program: compute on whole tensors, or raise the limit with `--max-rounds`.",
    page: {
      explain: "`for` is unrolled when the file is compiled, and each round becomes code.",
      bad: "model net(x: [N, 4]) {\n  h = x\n  for i in 0:1000000 { h = h + 1 }\n  h\n}\n",
      good: net("x + 1000000"),
    },
  }),
  "limit/tokens": entry<{ path: string; limit: number }>({
    severity: "error",
    message: ({ path, limit }) =>
      `\`${path}\` brings the words and signs of the model to more than ${limit}, the limit \`tokens\`.`,
    help: () => "Repeat layers with `for`, or raise the limit with `--max-tokens`.",
    page: {
      explain:
        "What a model file says is held in memory as a tree. The limit, for a model file and all that it imports, keeps a file of the permitted length from taking gigabytes.",
    },
  }),
  "limit/nodes": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `The model has more than ${limit} operations, the limit \`nodes\`.`,
    help: () => "Repeat less on wider tensors, or raise the limit with `--max-nodes`.",
    page: {
      explain:
        "Loops and calls are unrolled, and every operation becomes part of the program. The limit keeps a mistaken loop from taking minutes; a thousand dense layers with Adam stay below it.",
    },
  }),
  "limit/size": entry<{ name: string; type: string; bytes: number; limit: number }>({
    severity: "error",
    message: ({ name, type, bytes, limit }) =>
      `\`${name}\`, ${type}, takes ${sizeText(bytes)}, more than the limit \`arena\` of ${sizeText(limit)}.`,
    help: () => "Choose smaller sizes, or raise the limit with `--max-arena`.",
    page: {
      explain:
        "All tensors of a program live in one buffer, whose size is limited; sizes are checked before anything is allocated.",
      bad: net("param w: [4, 4000000000] = 0", "x @ w"),
      good: net("param w: [4, 4000] = 0", "x @ w"),
    },
  }),
  "limit/arena": entry<{ bytes: number; limit: number; largest: string }>({
    severity: "error",
    message: ({ bytes, limit, largest }) =>
      `The program needs ${sizeText(bytes)} of memory, more than the limit \`arena\` of ${sizeText(limit)}; most of it for ${largest}.`,
    help: () => "Choose smaller sizes or a smaller `--batch`, or raise the limit with `--max-arena`.",
    page: {
      explain:
        "Parameters, states, columns and intermediate values lie in one buffer that is laid out when the model is compiled. It is compared with the limit before anything is allocated. `nnc inspect --stage memory` shows what lies where.",
    },
  }),
  "limit/addresses": entry<{ bytes: number; limit: number }>({
    severity: "error",
    message: ({ bytes, limit }) =>
      `The program needs ${sizeText(bytes)} of memory, more than the ${sizeText(limit)} that WebAssembly can address.`,
    help: () => "Choose smaller sizes or a smaller `--batch`, or `--target ts`.",
    page: {
      explain:
        "The kernels of a program for `wasm` and all its tensors share one memory, whose addresses have 32 bits. Programs for `ts` may be larger, where `--max-arena` lets them.",
    },
  }),
  "limit/output": entry<{ file: string; bytes: number; limit: number }>({
    severity: "error",
    message: ({ file, bytes, limit }) =>
      `${file} would have ${sizeText(bytes)}, more than the limit \`output\` of ${sizeText(limit)}.`,
    help: () => "Repeat less on wider tensors, or raise the limit with `--max-output`.",
    page: {
      explain: "Emitted files grow with the operations of the unrolled model; nothing is written past the limit.",
    },
  }),
  "limit/imports": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `More than ${limit} files import each other in a row.`,
    help: () => "Put declarations together.",
    page: { explain: "Chains of imports are followed to a fixed depth." },
  }),
};
