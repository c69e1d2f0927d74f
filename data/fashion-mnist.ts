// Fashion-MNIST: Zalando's drop-in replacement of MNIST, ten kinds of clothing.
import type { FileSet } from "../src/runtime/data-set.ts";

export const fashionMnist: FileSet = {
  kind: "files",
  name: "fashion_mnist",
  title: "Fashion-MNIST",
  summary: "ten kinds of clothing, 28 x 28 pixels, Zalando Research",
  columns: [
    { storage: "u8", shape: [28, 28], zeros: 0.5 },
    { storage: "i32", shape: [], classes: 10 },
  ],
  test: [60000, 70000],
  // The hashes published for this set are those of the packed files.
  parts: [
    {
      rows: 60000,
      files: [
        {
          name: "train-images-idx3-ubyte",
          packedSha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        },
        {
          name: "train-labels-idx1-ubyte",
          packedSha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        },
      ],
    },
    {
      rows: 10000,
      files: [
        {
          name: "t10k-images-idx3-ubyte",
          packedSha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        },
        {
          name: "t10k-labels-idx1-ubyte",
          packedSha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
      ],
    },
  ],
  mirrors: [
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
  ],
};
