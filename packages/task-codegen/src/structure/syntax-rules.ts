import type { CodeLanguage } from './language.js'

/** What the node types of a grammar mean for where a completion ends. */
export interface SyntaxRules {
  /** Their children are statements, members or declarations. */
  readonly containers: ReadonlySet<string>
  /** Containers whose children end at commas. */
  readonly commaContainers: ReadonlySet<string>
  /** Containers that may be statements themselves, inside another. */
  readonly statements: ReadonlySet<string>
  readonly functions: ReadonlySet<string>
  /** What goes on behind a body's brace, if only with a semicolon. */
  readonly open: ReadonlySet<string>
  /** Nothing can go on with them once their last brace is there. */
  readonly closed: ReadonlySet<string>
  /** They stand before what they belong to. */
  readonly prefixes: ReadonlySet<string>
  /** They end as what they hold last ends. */
  readonly wrappers: ReadonlySet<string>
}

type Lists = { readonly [Key in keyof SyntaxRules]?: readonly string[] }

const rules = ({ containers = [], commaContainers = [], statements = [], functions = [], open = [], closed = [], prefixes = [], wrappers = [] }: Lists): SyntaxRules => ({
  containers: new Set([...containers, ...commaContainers]),
  commaContainers: new Set(commaContainers),
  statements: new Set(statements),
  functions: new Set(functions),
  open: new Set(open),
  closed: new Set(closed),
  prefixes: new Set(prefixes),
  wrappers: new Set(wrappers),
})

const javascript = rules({
  containers: ['program', 'statement_block', 'class_body', 'switch_body', 'switch_case', 'switch_default', 'interface_body', 'object_type'],
  commaContainers: ['enum_body'],
  statements: ['statement_block', 'switch_case', 'switch_default'],
  functions: ['function_declaration', 'generator_function_declaration', 'function_expression', 'generator_function', 'arrow_function', 'method_definition'],
  open: ['function_expression', 'generator_function', 'arrow_function', 'class', 'do_statement', 'object_type', 'type_alias_declaration', 'lexical_declaration'],
  closed: [
    'function_declaration',
    'generator_function_declaration',
    'class_declaration',
    'abstract_class_declaration',
    'method_definition',
    'for_statement',
    'for_in_statement',
    'while_statement',
    'switch_statement',
    'interface_declaration',
    'enum_declaration',
    'internal_module',
    'module',
    'class_static_block',
    'statement_block',
  ],
  prefixes: ['decorator'],
  wrappers: ['export_statement', 'ambient_declaration', 'labeled_statement'],
})

const c: Lists = {
  containers: ['translation_unit', 'compound_statement', 'field_declaration_list', 'declaration_list', 'case_statement', 'preproc_if', 'preproc_ifdef', 'preproc_else', 'preproc_elif'],
  commaContainers: ['enumerator_list'],
  statements: ['compound_statement', 'case_statement'],
  functions: ['function_definition', 'lambda_expression'],
  open: ['lambda_expression', 'struct_specifier', 'class_specifier', 'union_specifier', 'enum_specifier', 'do_statement'],
  closed: ['function_definition', 'for_statement', 'for_range_loop', 'while_statement', 'switch_statement', 'compound_statement', 'namespace_definition', 'linkage_specification', 'preproc_include', 'preproc_def', 'preproc_function_def', 'preproc_call'],
  wrappers: ['template_declaration', 'labeled_statement'],
}

const byLanguage: Readonly<Record<CodeLanguage, SyntaxRules>> = {
  javascript,
  typescript: javascript,
  tsx: javascript,
  python: rules({ containers: ['module', 'block'], functions: ['function_definition', 'lambda'] }),
  java: rules({
    containers: ['program', 'block', 'class_body', 'interface_body', 'constructor_body', 'switch_block', 'annotation_type_body', 'enum_body_declarations', 'module_body', 'switch_block_statement_group'],
    commaContainers: ['enum_body'],
    statements: ['block', 'switch_block_statement_group'],
    functions: ['method_declaration', 'constructor_declaration', 'compact_constructor_declaration', 'lambda_expression'],
    open: ['lambda_expression', 'object_creation_expression', 'do_statement', 'switch_expression'],
    closed: [
      'method_declaration',
      'constructor_declaration',
      'compact_constructor_declaration',
      'class_declaration',
      'interface_declaration',
      'enum_declaration',
      'record_declaration',
      'annotation_type_declaration',
      'for_statement',
      'enhanced_for_statement',
      'while_statement',
      'synchronized_statement',
      'static_initializer',
      'block',
    ],
    wrappers: ['labeled_statement'],
  }),
  go: rules({
    containers: ['source_file', 'block', 'expression_switch_statement', 'type_switch_statement', 'select_statement', 'field_declaration_list', 'interface_type', 'import_spec_list', 'var_spec_list', 'const_declaration', 'type_declaration', 'statement_list', 'expression_case', 'default_case', 'type_case', 'communication_case'],
    statements: ['block', 'expression_switch_statement', 'type_switch_statement', 'select_statement', 'expression_case', 'default_case', 'type_case', 'communication_case', 'const_declaration', 'type_declaration'],
    functions: ['function_declaration', 'method_declaration', 'func_literal'],
    open: ['func_literal', 'struct_type', 'interface_type'],
    closed: ['function_declaration', 'method_declaration', 'for_statement', 'expression_switch_statement', 'type_switch_statement', 'select_statement', 'block'],
    wrappers: ['labeled_statement', 'statement_list'],
  }),
  rust: rules({
    containers: ['source_file', 'block', 'declaration_list'],
    commaContainers: ['match_block', 'field_declaration_list', 'enum_variant_list'],
    statements: ['block'],
    functions: ['function_item', 'closure_expression'],
    open: ['closure_expression', 'let_declaration'],
    closed: ['function_item', 'impl_item', 'enum_item', 'trait_item', 'mod_item', 'macro_definition', 'union_item', 'foreign_mod_item', 'for_expression', 'while_expression'],
    wrappers: ['expression_statement'],
  }),
  c: rules(c),
  cpp: rules(c),
}

export function ruleOf(language: CodeLanguage): SyntaxRules {
  return byLanguage[language]
}
