// Whether this machine runs WebAssembly with vectors.

/** Of no browser, so not among the types. */
declare const WebAssembly: { validate(bytes: Uint8Array): boolean } | undefined;

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt)), which uses four numbers side by side.
const vectors = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

export const runsVectors = (): boolean =>
  typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(vectors));
