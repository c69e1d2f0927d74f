// MNIST: 60,000 handwritten digits to train on and 10,000 to test with, 28 x 28 bytes each.
import type { FileSet } from "../src/runtime/data-set.ts";

export const mnist: FileSet = {
  kind: "files",
  name: "mnist",
  title: "MNIST",
  summary: "handwritten digits, 28 x 28 pixels, LeCun, Cortes and Burges",
  columns: [
    { storage: "u8", shape: [28, 28], zeros: 0.81 },
    { storage: "i32", shape: [], classes: 10 },
  ],
  test: [60000, 70000],
  parts: [
    {
      rows: 60000,
      files: [
        {
          name: "train-images-idx3-ubyte",
          sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
        {
          name: "train-labels-idx1-ubyte",
          sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
      ],
    },
    {
      rows: 10000,
      files: [
        {
          name: "t10k-images-idx3-ubyte",
          sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
        {
          name: "t10k-labels-idx1-ubyte",
          sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
      ],
    },
  ],
  mirrors: [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
  ],
};
