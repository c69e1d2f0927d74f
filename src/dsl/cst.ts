// The types of the concrete syntax tree. Written by scripts/cst-types.mjs from grammar.ts; do not edit.
// Where a rule failed, children that these types promise may be absent.
import type { CstNode, IToken } from "chevrotain";

export interface FileCstNode extends CstNode {
  name: "file";
  children: FileCstChildren;
}

export type FileCstChildren = {
  declaration?: DeclarationCstNode[];
};

export interface DeclarationCstNode extends CstNode {
  name: "declaration";
  children: DeclarationCstChildren;
}

export type DeclarationCstChildren = {
  Begin: IToken[];
  importing?: ImportingCstNode[];
  constant?: ConstantCstNode[];
  fn?: FnCstNode[];
  loss?: LossCstNode[];
  metric?: MetricCstNode[];
  train?: TrainCstNode[];
  End: IToken[];
};

export interface ImportingCstNode extends CstNode {
  name: "importing";
  children: ImportingCstChildren;
}

export type ImportingCstChildren = {
  Import: IToken[];
  StringText: IToken[];
  As?: IToken[];
  Name?: IToken[];
};

export interface ConstantCstNode extends CstNode {
  name: "constant";
  children: ConstantCstChildren;
}

export type ConstantCstChildren = {
  keyword?: IToken[];
  Name?: IToken[];
  Is: IToken[];
  expression: ExpressionCstNode[];
};

export interface FnCstNode extends CstNode {
  name: "fn";
  children: FnCstChildren;
}

export type FnCstChildren = {
  keyword?: IToken[];
  Name: IToken[];
  parameters: ParametersCstNode[];
  Arrow?: IToken[];
  results?: ResultsCstNode[];
  body: BodyCstNode[];
};

export interface LossCstNode extends CstNode {
  name: "loss";
  children: LossCstChildren;
}

export type LossCstChildren = {
  keyword: IToken[];
  parameters: ParametersCstNode[];
  body: BodyCstNode[];
};

export interface MetricCstNode extends CstNode {
  name: "metric";
  children: MetricCstChildren;
}

export type MetricCstChildren = {
  keyword: IToken[];
  Name: IToken[];
  parameters: ParametersCstNode[];
  body?: BodyCstNode[];
};

export interface TrainCstNode extends CstNode {
  name: "train";
  children: TrainCstChildren;
}

export type TrainCstChildren = {
  keyword: IToken[];
  LeftBrace: IToken[];
  entry?: EntryCstNode[];
  RightBrace: IToken[];
};

export interface EntryCstNode extends CstNode {
  name: "entry";
  children: EntryCstChildren;
}

export type EntryCstChildren = {
  Begin: IToken[];
  Name: IToken[];
  Dot?: IToken[];
  Is: IToken[];
  expression: ExpressionCstNode[];
  End: IToken[];
};

export interface ParametersCstNode extends CstNode {
  name: "parameters";
  children: ParametersCstChildren;
}

export type ParametersCstChildren = {
  LeftParen: IToken[];
  parameter?: ParameterCstNode[];
  Comma?: IToken[];
  RightParen: IToken[];
};

export interface ParameterCstNode extends CstNode {
  name: "parameter";
  children: ParameterCstChildren;
}

export type ParameterCstChildren = {
  Name: IToken[];
  Colon?: IToken[];
  type?: TypeCstNode[];
  Is?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface ResultsCstNode extends CstNode {
  name: "results";
  children: ResultsCstChildren;
}

export type ResultsCstChildren = {
  type?: TypeCstNode[];
  LeftParen?: IToken[];
  result?: ResultCstNode[];
  Comma?: IToken[];
  RightParen?: IToken[];
};

export interface ResultCstNode extends CstNode {
  name: "result";
  children: ResultCstChildren;
}

export type ResultCstChildren = {
  Name?: IToken[];
  Colon?: IToken[];
  type: TypeCstNode[];
};

export interface TypeCstNode extends CstNode {
  name: "type";
  children: TypeCstChildren;
}

export type TypeCstChildren = {
  tensorType?: TensorTypeCstNode[];
  shapeOf?: ShapeOfCstNode[];
};

export interface TensorTypeCstNode extends CstNode {
  name: "tensorType";
  children: TensorTypeCstChildren;
}

export type TensorTypeCstChildren = {
  Name?: IToken[];
  sizes: SizesCstNode[];
  Less?: IToken[];
  sum?: SumCstNode[];
};

export interface SizesCstNode extends CstNode {
  name: "sizes";
  children: SizesCstChildren;
}

export type SizesCstChildren = {
  LeftSquare: IToken[];
  size?: SizeCstNode[];
  Comma?: IToken[];
  RightSquare: IToken[];
};

export interface SizeCstNode extends CstNode {
  name: "size";
  children: SizeCstChildren;
}

export type SizeCstChildren = {
  rest?: RestCstNode[];
  sum?: SumCstNode[];
};

export interface RestCstNode extends CstNode {
  name: "rest";
  children: RestCstChildren;
}

export type RestCstChildren = {
  Rest: IToken[];
  Name?: IToken[];
};

export interface ShapeOfCstNode extends CstNode {
  name: "shapeOf";
  children: ShapeOfCstChildren;
}

export type ShapeOfCstChildren = {
  Name: IToken[];
  LeftParen: IToken[];
  RightParen: IToken[];
};

export interface BodyCstNode extends CstNode {
  name: "body";
  children: BodyCstChildren;
}

export type BodyCstChildren = {
  Is?: IToken[];
  expression?: ExpressionCstNode[];
  block?: BlockCstNode[];
};

export interface BlockCstNode extends CstNode {
  name: "block";
  children: BlockCstChildren;
}

export type BlockCstChildren = {
  LeftBrace: IToken[];
  statement?: StatementCstNode[];
  RightBrace: IToken[];
};

export interface StatementCstNode extends CstNode {
  name: "statement";
  children: StatementCstChildren;
}

export type StatementCstChildren = {
  Begin: IToken[];
  slot?: SlotCstNode[];
  loop?: LoopCstNode[];
  binding?: BindingCstNode[];
  update?: UpdateCstNode[];
  expression?: ExpressionCstNode[];
  End: IToken[];
};

export interface SlotCstNode extends CstNode {
  name: "slot";
  children: SlotCstChildren;
}

export type SlotCstChildren = {
  keyword?: IToken[];
  Name: IToken[];
  Colon?: IToken[];
  type?: TypeCstNode[];
  Is: IToken[];
  expression: ExpressionCstNode[];
};

export interface LoopCstNode extends CstNode {
  name: "loop";
  children: LoopCstChildren;
}

export type LoopCstChildren = {
  For: IToken[];
  Name: IToken[];
  In: IToken[];
  item: ItemCstNode[];
  block: BlockCstNode[];
};

export interface BindingCstNode extends CstNode {
  name: "binding";
  children: BindingCstChildren;
}

export type BindingCstChildren = {
  Name: IToken[];
  Comma?: IToken[];
  Is: IToken[];
  expression: ExpressionCstNode[];
};

export interface UpdateCstNode extends CstNode {
  name: "update";
  children: UpdateCstChildren;
}

export type UpdateCstChildren = {
  Name: IToken[];
  Update: IToken[];
  expression: ExpressionCstNode[];
};

export interface ExpressionCstNode extends CstNode {
  name: "expression";
  children: ExpressionCstChildren;
}

export type ExpressionCstChildren = {
  choice?: ChoiceCstNode[];
  operand?: OperandCstNode[];
  Operator?: IToken[];
};

export interface SumCstNode extends CstNode {
  name: "sum";
  children: SumCstChildren;
}

export type SumCstChildren = {
  operand: OperandCstNode[];
  Operator?: IToken[];
};

export interface ChoiceCstNode extends CstNode {
  name: "choice";
  children: ChoiceCstChildren;
}

export type ChoiceCstChildren = {
  If: IToken[];
  condition: ExpressionCstNode[];
  Then: IToken[];
  branch: BranchCstNode[];
  Else: IToken[];
};

export interface BranchCstNode extends CstNode {
  name: "branch";
  children: BranchCstChildren;
}

export type BranchCstChildren = {
  block?: BlockCstNode[];
  expression?: ExpressionCstNode[];
};

export interface OperandCstNode extends CstNode {
  name: "operand";
  children: OperandCstChildren;
}

export type OperandCstChildren = {
  prefix?: IToken[];
  NumberText?: IToken[];
  StringText?: IToken[];
  True?: IToken[];
  False?: IToken[];
  Name?: IToken[];
  Invalid?: IToken[];
  tuple?: TupleCstNode[];
  list?: ListCstNode[];
  suffix?: SuffixCstNode[];
};

export interface TupleCstNode extends CstNode {
  name: "tuple";
  children: TupleCstChildren;
}

export type TupleCstChildren = {
  LeftParen: IToken[];
  expression: ExpressionCstNode[];
  Comma?: IToken[];
  RightParen: IToken[];
};

export interface ListCstNode extends CstNode {
  name: "list";
  children: ListCstChildren;
}

export type ListCstChildren = {
  LeftSquare: IToken[];
  item?: ItemCstNode[];
  Comma?: IToken[];
  RightSquare: IToken[];
};

export interface SuffixCstNode extends CstNode {
  name: "suffix";
  children: SuffixCstChildren;
}

export type SuffixCstChildren = {
  LeftParen?: IToken[];
  argument?: ArgumentCstNode[];
  Comma?: IToken[];
  RightParen?: IToken[];
  LeftSquare?: IToken[];
  item?: ItemCstNode[];
  RightSquare?: IToken[];
  Dot?: IToken[];
  Name?: IToken[];
};

export interface ArgumentCstNode extends CstNode {
  name: "argument";
  children: ArgumentCstChildren;
}

export type ArgumentCstChildren = {
  Name?: IToken[];
  Is?: IToken[];
  Hole?: IToken[];
  item?: ItemCstNode[];
};

export interface ItemCstNode extends CstNode {
  name: "item";
  children: ItemCstChildren;
}

export type ItemCstChildren = {
  rest?: RestCstNode[];
  Colon?: IToken[];
  sum?: SumCstNode[];
  expression?: ExpressionCstNode[];
};
