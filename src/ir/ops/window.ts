// Windows that slide over images (NCHW): convolution and pooling, collected for the table.
export * from "./avg-pool.ts";
export * from "./convolution.ts";
export * from "./max-pool.ts";
