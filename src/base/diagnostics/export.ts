// What `nnc export` cannot carry over, or carries over with a difference.
import { entry } from "../diagnostic.ts";

export const exporting = {
  "export/no-training": entry<{ readonly model: string; readonly what: string }>({
    severity: "error",
    message: ({ model, what }) => `\`${model}\` has no ${what}, so there is no step to export`,
    help: () =>
      "Declare `loss(…) = …` and `train { optimizer = … }`, or export the model alone with `--to onnx --graph forward`.",
    page: {
      explain:
        "An exported trainer repeats the whole step: forward, loss, gradients, update. A file without a loss or without an optimizer has no step.",
    },
  }),
  "export/rows-meet": entry<{ readonly model: string }>({
    severity: "warning",
    message: ({ model }) =>
      `the rows of a batch meet in \`${model}\`, so K processes with a share each do not compute what one does with all`,
    help: () => "Train the exported file on one process where this matters; batch normalisation bears it.",
    page: {
      explain:
        "DistributedDataParallel gives each process a share of the batch. The gradients of the shares add up to that of the batch where the loss is a mean or a sum over rows and each row is computed by itself. Statistics of a batch, or comparing rows of a batch with one another, then see the share's rows only.",
    },
  }),
  "export/made-data": entry<{ readonly source: string }>({
    severity: "hint",
    message: ({ source }) => `\`${source}\` is made by nnc itself; the exported file reads it from files`,
    help: ({ source }) => `\`nnc data fetch ${source}\` writes them once, where the exported file finds them.`,
    page: {
      explain:
        "The exported PyTorch program holds no generators of data. It reads made data from files of the form of MNIST's, which `nnc data fetch` writes to the user's cache or to `--data-dir`.",
    },
  }),
};
