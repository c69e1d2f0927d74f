// Mistakes in what `nnc grad` and `nnc check --grad` are asked for.
import { entry } from "../diagnostic.ts";

export const gradients = {
  "grad/no-loss": entry<{ readonly model: string }>({
    severity: "error",
    message: ({ model }) => `\`${model}\` has no loss, so there is nothing to take gradients of`,
    help: () => "Declare one: `loss(out, target: […]) = mse(out, target)`.",
    page: {
      explain: "Gradients are taken of the loss. A file without `loss` only predicts.",
    },
  }),
  "grad/unknown-name": entry<{
    readonly name: string;
    readonly model: string;
    readonly suggestion?: string | undefined;
  }>({
    severity: "error",
    message: ({ name, model }) => `\`${model}\` has no parameter and no f32 input called \`${name}\``,
    help: ({ suggestion }) =>
      suggestion === undefined ? "`nnc check FILE` lists what the model has." : `Did you mean \`${suggestion}\`?`,
    page: {
      explain:
        "Gradients are taken by a parameter, under its whole path (`fc1.weight`), or by an f32 input of the model. Labels and other whole numbers have none.",
    },
  }),
};
