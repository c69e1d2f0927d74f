// An emitted module as data: the closed subset of TypeScript that targets build. Two printers take it: ts-morph (`ts/morph.ts`)
// and the plain one (`ts/plain.ts`); a test holds their output together, byte for byte.

export interface ParameterDoc {
  readonly name: string;
  readonly type: string;
  readonly initializer?: string;
}

export type StatementDoc =
  /** Lines of code or comment, printed as they are. */
  | { readonly kind: "text"; readonly lines: readonly string[] }
  | {
      readonly kind: "function";
      readonly name: string;
      readonly exported?: boolean;
      readonly docs: readonly string[];
      readonly parameters: readonly ParameterDoc[];
      readonly returnType: string;
      readonly statements: readonly StatementDoc[];
    }
  | {
      readonly kind: "interface";
      readonly name: string;
      readonly docs: readonly string[];
      readonly properties: readonly {
        readonly docs: readonly string[];
        readonly name: string;
        readonly type: string;
      }[];
      readonly methods: readonly {
        readonly docs: readonly string[];
        readonly name: string;
        readonly parameters: readonly ParameterDoc[];
        readonly returnType: string;
      }[];
    }
  | {
      readonly kind: "const";
      readonly name: string;
      readonly exported?: boolean;
      readonly docs: readonly string[];
      readonly initializer: readonly string[];
      readonly asConst?: boolean;
    };

export type FunctionDoc = Extract<StatementDoc, { readonly kind: "function" }>;

/** A function whose body is lines of code. */
export const functionDoc = ({
  lines,
  ...head
}: Omit<FunctionDoc, "kind" | "statements"> & { readonly lines: readonly string[] }): FunctionDoc => ({
  kind: "function",
  ...head,
  statements: [{ kind: "text", lines }],
});

export interface ModuleDoc {
  readonly statements: readonly StatementDoc[];
}
