// Types of serve.mjs for the peer that is TypeScript: our own.
import type { Column, Inputs } from "../inputs.ts";

export interface LoadedInputs extends Inputs {
  readonly columns: readonly (Column & { readonly values: Uint8Array | Int32Array })[];
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly values: Float32Array;
  }[];
}

export interface Peer {
  readonly version: string;
  step(batch: number): void | Promise<void>;
  loss(): number | Promise<number>;
  finish(): void | Promise<void>;
}

export function serve(open: (inputs: LoadedInputs, variant: string | undefined) => Peer | Promise<Peer>): Promise<void>;
