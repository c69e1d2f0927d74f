// Windows that slide over images (NCHW): convolution and pooling, collected for the table.
export * from "./convolution.ts";
export * from "./pooling.ts";
