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
  "grad/differs": entry<{
    readonly name: string;
    readonly place: string;
    readonly mine: string;
    readonly slope: string;
    readonly limit: string;
  }>({
    severity: "error",
    message: ({ name, place, mine, slope, limit }) =>
      `the gradient of \`${name}\` is ${mine} ${place}, and differences give ${slope}: more than ${limit} apart`,
    help: () =>
      "Where the loss has a kink right at these numbers (`abs` or `max` of equal values), differences mean nothing; else this is a mistake in nnc: please report it with the model.",
    page: {
      explain:
        "`nnc check --grad` moves single numbers of each parameter a little and compares how the loss changes with the gradient that the compiler derives. Both are computed in float64, so that they agree to many digits wherever the loss is smooth.",
    },
  }),
  "grad/not-finite": entry<{ readonly value: string }>({
    severity: "error",
    message: ({ value }) =>
      `the loss is ${value} at the numbers that the check makes up, so there is no slope to compare with`,
    help: () =>
      "Look for a logarithm, root or division that needs inputs of another range; the check draws them from 0 to 1.",
    page: {
      explain:
        "`nnc check --grad` starts parameters as the model says and draws f32 columns between 0 and 1. At these numbers the loss must be finite.",
    },
  }),
};
