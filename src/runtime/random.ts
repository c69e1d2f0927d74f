// The random numbers of trainers: the very functions the compiler's interpreter uses (the one import out of this
// folder).
export * from "../base/random.ts";
