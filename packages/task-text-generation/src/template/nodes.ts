export type Expression =
  | { readonly kind: 'constant'; readonly line: number; readonly value: string | number | boolean | null; readonly isFloat?: boolean }
  | { readonly kind: 'name'; readonly line: number; readonly name: string }
  | { readonly kind: 'list' | 'tuple'; readonly line: number; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly line: number; readonly items: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly kind: 'member'; readonly line: number; readonly of: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly line: number; readonly of: Expression; readonly key: Expression }
  | { readonly kind: 'slice'; readonly line: number; readonly of: Expression; readonly start: Expression | undefined; readonly stop: Expression | undefined; readonly step: Expression | undefined }
  | { readonly kind: 'call'; readonly line: number; readonly callee: Expression; readonly args: Arguments }
  | { readonly kind: 'filter' | 'test'; readonly line: number; readonly name: string; readonly of: Expression; readonly args: Arguments }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly line: number; readonly of: Expression }
  | { readonly kind: 'and' | 'or'; readonly line: number; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'binary'; readonly line: number; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concat'; readonly line: number; readonly items: readonly Expression[] }
  | { readonly kind: 'compare'; readonly line: number; readonly first: Expression; readonly others: readonly (readonly [operator: string, Expression])[] }
  | { readonly kind: 'condition'; readonly line: number; readonly test: Expression; readonly chosen: Expression; readonly otherwise: Expression | undefined }

export interface Arguments {
  readonly positional: readonly Expression[]
  readonly named: readonly (readonly [name: string, Expression])[]
  /** `*items` and `**entries`. */
  readonly rest?: Expression | undefined
  readonly namedRest?: Expression | undefined
}

/** What is assigned to: a name, `namespace.attribute`, or several of them. */
export type Target =
  | { readonly kind: 'name'; readonly line: number; readonly name: string }
  | { readonly kind: 'attribute'; readonly line: number; readonly namespace: string; readonly name: string }
  | { readonly kind: 'targets'; readonly line: number; readonly items: readonly Target[] }

export interface Parameter {
  readonly name: string
  readonly value: Expression | undefined
}

export type Statement =
  | { readonly kind: 'data'; readonly line: number; readonly text: string }
  | { readonly kind: 'print'; readonly line: number; readonly value: Expression }
  | { readonly kind: 'for'; readonly line: number; readonly target: Target; readonly items: Expression; readonly test: Expression | undefined; readonly isRecursive: boolean; readonly body: Body; readonly otherwise: Body }
  | { readonly kind: 'if'; readonly line: number; readonly test: Expression; readonly body: Body; readonly otherwise: Body }
  | { readonly kind: 'set'; readonly line: number; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'set block'; readonly line: number; readonly target: Target; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'filter block'; readonly line: number; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'with'; readonly line: number; readonly targets: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly kind: 'macro'; readonly line: number; readonly name: string; readonly parameters: readonly Parameter[]; readonly body: Body }
  | { readonly kind: 'call block'; readonly line: number; readonly call: Extract<Expression, { kind: 'call' }>; readonly parameters: readonly Parameter[]; readonly body: Body }
  | { readonly kind: 'generation'; readonly line: number; readonly body: Body }
  | { readonly kind: 'break' | 'continue'; readonly line: number }

export type Body = readonly Statement[]

/** Filters of a block, in the order they are applied. */
export type Filters = readonly { readonly name: string; readonly line: number; readonly args: Arguments }[]
