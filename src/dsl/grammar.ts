// The grammar: tokens -> a concrete syntax tree, and nothing more. Binary operators stand in a flat list, whose
// precedence `build-ast` applies; so nesting in the text is the only nesting in the tree.
// Recovery: every group (a statement between Begin and End, a bracket) that holds an error is read to its own end,
// which `joinLines` knows, and the parser goes on after it.
import { CstParser, type IRecognitionException, type IToken, NoViableAltException, type TokenType } from "chevrotain";
import * as T from "./tokens.ts";

/** What of the base parser's inside the recovery builds on; the version is pinned. */
interface Inside {
  CST_STACK: { readonly children: Record<string, IToken[] | undefined> }[];
  SAVE_ERROR(error: IRecognitionException): IRecognitionException;
  SKIP_TOKEN(): IToken;
  attemptInRepetitionRecovery(): void;
}

/** Kinds of group: the key of the opening token in the tree, and of the one that ends it. */
const groups: readonly (readonly [open: string, close: string])[] = [
  ["Begin", "End"],
  ["LeftParen", "RightParen"],
  ["LeftSquare", "RightSquare"],
];

export class NnParser extends CstParser {
  /** Where each group of the current input ends. */
  private partners: ReadonlyMap<IToken, IToken> = new Map();

  constructor(checks: boolean) {
    super(T.vocabulary, {
      maxLookahead: 2,
      recoveryEnabled: true,
      nodeLocationTracking: "none",
      skipValidations: !checks,
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected }) => expected.name,
        buildNotAllInputParsedMessage: () => "",
        buildNoViableAltMessage: () => "",
        buildEarlyExitMessage: () => "",
      },
    });
    this.performSelfAnalysis();
    // Set after the base class, which keeps its own in the instance.
    (this as unknown as Inside).attemptInRepetitionRecovery = () => {};
  }

  /** Parses one file; `errors` holds what was found. */
  parse(tokens: readonly IToken[], partners: ReadonlyMap<IToken, IToken>) {
    this.partners = partners;
    this.input = tokens as IToken[];
    return this.file();
  }

  // ---- Declarations ----

  file = this.RULE("file", () => {
    this.MANY(() => this.SUBRULE(this.declaration));
  });

  private declaration = this.RULE("declaration", () => {
    this.CONSUME(T.Begin);
    this.OR([
      { ALT: () => this.SUBRULE(this.importing) },
      { ALT: () => this.SUBRULE(this.constant) },
      { ALT: () => this.SUBRULE(this.fn) },
      { ALT: () => this.SUBRULE(this.loss) },
      { ALT: () => this.SUBRULE(this.metric) },
      { ALT: () => this.SUBRULE(this.train) },
    ]);
    this.CONSUME(T.End);
  });

  private importing = this.RULE("importing", () => {
    this.CONSUME(T.Import);
    this.CONSUME(T.StringText);
    this.OPTION(() => {
      this.CONSUME(T.As);
      this.CONSUME(T.Name);
    });
  });

  /** `dim a = 1`, `hyper b = 2`, `c = 3`. */
  private constant = this.RULE("constant", () => {
    // Each alternative takes its name, so that two tokens tell `dim a = 1` from `dim = 1`.
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.Dim, { LABEL: "keyword" });
          this.CONSUME1(T.Name);
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.Hyper, { LABEL: "keyword" });
          this.CONSUME2(T.Name);
        },
      },
      { ALT: () => this.CONSUME3(T.Name) },
    ]);
    this.CONSUME(T.Is);
    this.SUBRULE(this.expression);
  });

  private fn = this.RULE("fn", () => {
    this.OR([
      { ALT: () => this.CONSUME(T.Fn, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(T.Model, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(T.Optimizer, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(T.Name);
    this.SUBRULE(this.parameters);
    this.OPTION(() => {
      this.CONSUME(T.Arrow);
      this.SUBRULE(this.results);
    });
    this.SUBRULE(this.body);
  });

  private loss = this.RULE("loss", () => {
    this.CONSUME(T.Loss, { LABEL: "keyword" });
    this.SUBRULE(this.parameters);
    this.SUBRULE(this.body);
  });

  private metric = this.RULE("metric", () => {
    this.CONSUME(T.Metric, { LABEL: "keyword" });
    this.CONSUME(T.Name);
    this.SUBRULE(this.parameters);
    this.OPTION(() => this.SUBRULE(this.body));
  });

  private train = this.RULE("train", () => {
    this.CONSUME(T.Train, { LABEL: "keyword" });
    this.CONSUME(T.LeftBrace);
    this.MANY(() => this.SUBRULE(this.entry));
    this.CONSUME(T.RightBrace);
  });

  private entry = this.RULE("entry", () => {
    this.CONSUME(T.Begin);
    this.AT_LEAST_ONE_SEP({ SEP: T.Dot, DEF: () => this.CONSUME(T.Name) });
    this.CONSUME(T.Is);
    this.SUBRULE(this.expression);
    this.CONSUME(T.End);
  });

  private parameters = this.RULE("parameters", () => {
    this.CONSUME(T.LeftParen);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.parameter) });
    this.CONSUME(T.RightParen);
  });

  private parameter = this.RULE("parameter", () => {
    this.CONSUME(T.Name);
    this.OPTION1(() => {
      this.CONSUME(T.Colon);
      this.SUBRULE(this.type);
    });
    this.OPTION2(() => {
      this.CONSUME(T.Is);
      this.SUBRULE(this.expression);
    });
  });

  private results = this.RULE("results", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.type) },
      {
        ALT: () => {
          this.CONSUME(T.LeftParen);
          this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.result) });
          this.CONSUME(T.RightParen);
        },
      },
    ]);
  });

  private result = this.RULE("result", () => {
    this.OPTION(() => {
      this.CONSUME(T.Name);
      this.CONSUME(T.Colon);
    });
    this.SUBRULE(this.type);
  });

  private type = this.RULE("type", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.tensorType) }, { ALT: () => this.SUBRULE(this.shapeOf) }]);
  });

  private tensorType = this.RULE("tensorType", () => {
    this.OPTION1(() => this.CONSUME(T.Name));
    this.SUBRULE(this.sizes);
    this.OPTION2(() => {
      this.CONSUME(T.Less);
      this.SUBRULE(this.sum);
    });
  });

  private sizes = this.RULE("sizes", () => {
    this.CONSUME(T.LeftSquare);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.size) });
    this.CONSUME(T.RightSquare);
  });

  private size = this.RULE("size", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.rest) }, { ALT: () => this.SUBRULE(this.sum) }]);
  });

  private rest = this.RULE("rest", () => {
    this.CONSUME(T.Rest);
    this.OPTION(() => this.CONSUME(T.Name));
  });

  private shapeOf = this.RULE("shapeOf", () => {
    this.CONSUME1(T.Name);
    this.CONSUME(T.LeftParen);
    this.CONSUME2(T.Name);
    this.CONSUME(T.RightParen);
  });

  private body = this.RULE("body", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.Is);
          this.SUBRULE(this.expression);
        },
      },
      { ALT: () => this.SUBRULE(this.block) },
    ]);
  });

  // ---- Statements ----

  private block = this.RULE("block", () => {
    this.CONSUME(T.LeftBrace);
    this.MANY(() => this.SUBRULE(this.statement));
    this.CONSUME(T.RightBrace);
  });

  private statement = this.RULE("statement", () => {
    this.CONSUME(T.Begin);
    this.OR([
      { ALT: () => this.SUBRULE(this.slot) },
      { ALT: () => this.SUBRULE(this.loop) },
      { ALT: () => this.SUBRULE(this.binding) },
      { ALT: () => this.SUBRULE(this.update) },
      { ALT: () => this.SUBRULE(this.expression) },
    ]);
    this.CONSUME(T.End);
  });

  /** `param w: [3] = 0`, `state v = 0`. */
  private slot = this.RULE("slot", () => {
    this.OR([
      { ALT: () => this.CONSUME(T.Param, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(T.State, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(T.Name);
    this.OPTION(() => {
      this.CONSUME(T.Colon);
      this.SUBRULE(this.type);
    });
    this.CONSUME(T.Is);
    this.SUBRULE(this.expression);
  });

  private loop = this.RULE("loop", () => {
    this.CONSUME(T.For);
    this.CONSUME(T.Name);
    this.CONSUME(T.In);
    this.SUBRULE(this.item);
    this.SUBRULE(this.block);
  });

  private binding = this.RULE("binding", () => {
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.CONSUME(T.Name) });
    this.CONSUME(T.Is);
    this.SUBRULE(this.expression);
  });

  private update = this.RULE("update", () => {
    this.CONSUME(T.Name);
    this.CONSUME(T.Update);
    this.SUBRULE(this.expression);
  });

  // ---- Expressions ----

  private expression = this.RULE("expression", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.choice) },
      {
        ALT: () => {
          this.SUBRULE1(this.operand);
          this.MANY(() => {
            this.CONSUME(T.Operator);
            this.SUBRULE2(this.operand);
          });
        },
      },
    ]);
  });

  /** An expression of arithmetic only: in a size or after a `:`, a comparison or a pipe has no place. */
  private sum = this.RULE("sum", () => {
    this.SUBRULE1(this.operand);
    this.MANY(() => {
      this.CONSUME(T.Arithmetic, { LABEL: "Operator" });
      this.SUBRULE2(this.operand);
    });
  });

  private choice = this.RULE("choice", () => {
    this.CONSUME(T.If);
    this.SUBRULE(this.expression, { LABEL: "condition" });
    this.CONSUME(T.Then);
    this.SUBRULE1(this.branch);
    this.CONSUME(T.Else);
    this.SUBRULE2(this.branch);
  });

  private branch = this.RULE("branch", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.block) }, { ALT: () => this.SUBRULE(this.expression) }]);
  });

  private operand = this.RULE("operand", () => {
    this.MANY1(() => {
      this.OR1([
        { ALT: () => this.CONSUME(T.Minus, { LABEL: "prefix" }) },
        { ALT: () => this.CONSUME(T.Not, { LABEL: "prefix" }) },
      ]);
    });
    this.OR2([
      { ALT: () => this.CONSUME(T.NumberText) },
      { ALT: () => this.CONSUME(T.StringText) },
      { ALT: () => this.CONSUME(T.True) },
      { ALT: () => this.CONSUME(T.False) },
      { ALT: () => this.CONSUME(T.Name) },
      { ALT: () => this.CONSUME(T.Invalid) },
      { ALT: () => this.SUBRULE(this.tuple) },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
    this.MANY2(() => this.SUBRULE(this.suffix));
  });

  private tuple = this.RULE("tuple", () => {
    this.CONSUME(T.LeftParen);
    this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.expression) });
    this.CONSUME(T.RightParen);
  });

  private list = this.RULE("list", () => {
    this.CONSUME(T.LeftSquare);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.item) });
    this.CONSUME(T.RightSquare);
  });

  private suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.LeftParen);
          this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.argument) });
          this.CONSUME(T.RightParen);
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.LeftSquare);
          this.AT_LEAST_ONE_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.item) });
          this.CONSUME(T.RightSquare);
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.Dot);
          this.CONSUME(T.Name);
        },
      },
    ]);
  });

  private argument = this.RULE("argument", () => {
    this.OPTION(() => {
      this.CONSUME(T.Name);
      this.CONSUME(T.Is);
    });
    this.OR([{ ALT: () => this.CONSUME(T.Hole) }, { ALT: () => this.SUBRULE(this.item) }]);
  });

  /** `..`, `:`, `:to`, `from:`, `from:to`, or a value. */
  private item = this.RULE("item", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.rest) },
      {
        ALT: () => {
          this.CONSUME1(T.Colon);
          this.OPTION1(() => this.SUBRULE1(this.sum));
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.expression);
          this.OPTION2(() => {
            this.CONSUME2(T.Colon);
            this.OPTION3(() => this.SUBRULE2(this.sum));
          });
        },
      },
    ]);
  });

  // ---- Recovery: the base class calls these when a rule fails ----

  /** Both ends of the group that the failing rule has opened and not yet closed. */
  private openGroup(): readonly [opening: IToken, end: IToken] | undefined {
    const { children } = (this as unknown as Inside).CST_STACK.at(-1)!;
    for (const [open, close] of groups) {
      const opening = children[open]?.[0];
      if (opening && !children[close]) return [opening, this.partners.get(opening)!];
    }
    return undefined;
  }

  findReSyncTokenType(): TokenType {
    return T.End;
  }

  isInCurrentRuleReSyncSet(): boolean {
    return this.openGroup() !== undefined;
  }

  /** Goes past the end of the failed group. What it gives becomes the error's `resyncedTokens`: the group's opening. */
  reSyncTo(): IToken[] {
    const [opening, end] = this.openGroup()!;
    const inside = this as unknown as Inside;
    while (this.LA(1) !== end) inside.SKIP_TOKEN();
    inside.SKIP_TOKEN();
    return [opening];
  }

  /** No guessing of single tokens: the group is given up. */
  consumeInternalRecovery(_type: TokenType, _index: number, error: Error): never {
    throw error;
  }

  /** Two tokens decide between alternatives: where the first is a name, the second is the wrong one. */
  raiseNoAltException(): never {
    const isName =
      this.LA(1).tokenType.tokenTypeIdx === T.Name.tokenTypeIdx || T.Name.categoryMatchesMap![this.LA(1).tokenTypeIdx];
    const error = isName
      ? new NoViableAltException("", this.LA(2), this.LA(1))
      : new NoViableAltException("", this.LA(1), this.LA(0));
    throw (this as unknown as Inside).SAVE_ERROR(error);
  }
}

let shared: NnParser | undefined;

/** The one parser: building it costs more than most parses. */
export function sharedParser(): NnParser {
  shared ??= new NnParser(false);
  return shared;
}
