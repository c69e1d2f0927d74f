// Mistakes in what `nnc eval` is given: tensors by name, and rows that do not agree.
import { entry } from "../diagnostic.ts";

interface Named {
  readonly name: string;
  /** `parameter`, `input`, … */
  readonly what: string;
}

export const evaluation = {
  "eval/missing": entry<Named & { readonly type: string }>({
    severity: "error",
    message: ({ name, what, type }) => `the ${what} \`${name}\` (${type}) is not among the given tensors`,
    help: ({ name }) => `Add a tensor called \`${name}\` to the file.`,
    page: {
      explain:
        "`nnc eval` runs a model on given numbers only: every input, every target of the loss, every parameter and every state of the model must be in the file of inputs, under its own name.",
    },
  }),
  "eval/extra": entry<{ readonly name: string; readonly suggestion?: string | undefined }>({
    severity: "error",
    message: ({ name }) => `the model has no input, target, parameter or state called \`${name}\``,
    help: ({ suggestion }) => (suggestion === undefined ? "Leave the tensor out." : `Did you mean \`${suggestion}\`?`),
    page: {
      explain:
        "A tensor that the model does not ask for is mostly a misspelt one, so it is an error. `nnc check` lists what the model has.",
    },
  }),
  "eval/shape": entry<Named & { readonly type: string; readonly got: string }>({
    severity: "error",
    message: ({ name, what, type, got }) => `the ${what} \`${name}\` is ${type}, but the given tensor is ${got}`,
    help: () => "Give a tensor of that shape; N is any number of rows, the same for all.",
    page: { explain: "A given tensor has another rank or other sizes than the model declares." },
  }),
  "eval/rows": entry<{ readonly name: string; readonly rows: number; readonly first: string; readonly others: number }>(
    {
      severity: "error",
      message: ({ name, rows, first, others }) => `\`${name}\` has ${rows} rows, and \`${first}\` has ${others}`,
      help: () => "Give the same number of rows to every tensor whose type has N.",
      page: {
        explain:
          "N, the rows of the batch, comes from the given tensors. It is one number of at least 1, so they must agree.",
      },
    },
  ),
  "eval/type": entry<Named & { readonly type: string; readonly got: string }>({
    severity: "error",
    message: ({ name, what, type, got }) => `the ${what} \`${name}\` is ${type}, but the given tensor holds ${got}`,
    help: ({ type }) =>
      type.startsWith("i32")
        ? "Store whole numbers, I32."
        : type.startsWith("bool")
          ? "Store bools, BOOL or U8 of 0 and 1."
          : "Store floats, F32.",
    page: {
      explain:
        "f32 takes F32, F64, F16 and BF16; i32 takes whole numbers of any width that fit into 32 bits; bool takes BOOL, and U8 of 0 and 1. Nothing is converted between floats and whole numbers.",
    },
  }),
  "eval/value": entry<Named & { readonly index: number; readonly value: number; readonly allowed: string }>({
    severity: "error",
    message: ({ name, what, index, value, allowed }) =>
      `element ${index} of the ${what} \`${name}\` is ${value}, not ${allowed}`,
    help: () => "Mend the tensor, or widen the declaration in the model.",
    page: { explain: "A column `class[N] < k` takes whole numbers from 0 to k - 1; a bool takes 0 and 1." },
  }),
  "eval/no-loss": entry<{ readonly model: string }>({
    severity: "error",
    message: ({ model }) => `\`${model}\` has no loss, so there is nothing to differentiate`,
    help: () => "Write `loss(out, cot: […]) = sum(out * cot)` into the file, or leave out --grads.",
    page: {
      explain: "`--grads` writes gradients of the loss. For any other number, declare a loss that is that number.",
    },
  }),
};
