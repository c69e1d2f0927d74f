// What is too much: limits that keep a hostile or mistaken file from taking all time and memory.
import { entry } from "../diagnostic.ts";
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
    message: ({ limit }) => `Loops and ranges of this file go over more than ${limit} rounds in all.`,
    help: () => "Loops are unrolled into the program: compute on whole tensors instead.",
    page: {
      explain: "`for` is unrolled when the file is compiled, and each round becomes code.",
      bad: "model net(x: [N, 4]) {\n  h = x\n  for i in 0:1000000 { h = h + 1 }\n  h\n}\n",
      good: net("x + 1000000"),
    },
  }),
  "limit/nodes": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `The model has more than ${limit} operations.`,
    help: () => "Unroll less.",
    page: { explain: "Every operation of the unrolled model becomes part of the program." },
  }),
  "limit/size": entry<{ name: string; type: string; limit: number }>({
    severity: "error",
    message: ({ name, type, limit }) => `\`${name}\`, ${type}, needs more than ${limit} bytes.`,
    help: () => "Choose smaller sizes.",
    page: {
      explain:
        "All tensors of a program live in one buffer, whose size is limited; sizes are checked before anything is allocated.",
      bad: net("param w: [4, 4000000000] = 0", "x @ w"),
      good: net("param w: [4, 4000] = 0", "x @ w"),
    },
  }),
  "limit/imports": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `More than ${limit} files import each other in a row.`,
    help: () => "Put declarations together.",
    page: { explain: "Chains of imports are followed to a fixed depth." },
  }),
};
