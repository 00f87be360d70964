/** The tokens a family was trained to fill in the middle with, by their names in its vocabulary. */
export interface FimTokens {
  readonly prefix: string
  readonly suffix: string
  /** Absent where the prefix, standing last, is what the model goes on from. */
  readonly middle?: string
  /** Which comes first in the prompt, as the family was trained. */
  readonly order: 'prefix-first' | 'suffix-first'
  /** Others of the set that may be written at the end of a middle. */
  readonly others?: readonly string[]
}

/** How a family was trained to read several files of a repository. */
export interface FileTokens {
  /** Before the repository's name, if the family has a token for it. */
  readonly repository?: string
  readonly file: string
  /** Whether the repository's name ends its line, or the first file token ends it. */
  readonly repositoryLine: boolean
  /** Whether the path of the file that is written stands inside the prefix, behind its token. */
  readonly pathInPrefix: boolean
  /** Whether the token stands before each file, or only between two. */
  readonly place: 'before' | 'between'
  /** Others that end a file. */
  readonly others?: readonly string[]
}

/**
 * Sets of tokens that are looked for in the vocabulary, and the first that is there whole is the model's. By vocabulary and not by
 * name, since fine-tuned models keep the one and change the other.
 */
export const fimSets: readonly FimTokens[] = [
  // Qwen2.5-Coder (arXiv:2409.12186, section 3), CodeGemma (arXiv:2406.11409), Granite 4
  { prefix: '<|fim_prefix|>', suffix: '<|fim_suffix|>', middle: '<|fim_middle|>', order: 'prefix-first', others: ['<|fim_pad|>', '<|cursor|>'] },
  // StarCoder (arXiv:2305.06161), StarCoder2 (arXiv:2402.19173), StableCode, Granite, CodeQwen1.5, Yi-Coder
  { prefix: '<fim_prefix>', suffix: '<fim_suffix>', middle: '<fim_middle>', order: 'prefix-first', others: ['<fim_pad>'] },
  // SantaCoder (arXiv:2301.03988)
  { prefix: '<fim-prefix>', suffix: '<fim-suffix>', middle: '<fim-middle>', order: 'prefix-first', others: ['<fim-pad>'] },
  // DeepSeek-Coder (arXiv:2401.14196, section 3.1.2): hole and end stand where others have suffix and middle
  { prefix: '<｜fim▁begin｜>', suffix: '<｜fim▁hole｜>', middle: '<｜fim▁end｜>', order: 'prefix-first' },
  // Code Llama (arXiv:2308.12950, section 2.3)
  { prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', order: 'prefix-first', others: ['▁<EOT>'] },
  { prefix: '<PRE>', suffix: '<SUF>', middle: '<MID>', order: 'prefix-first', others: ['<EOT>'] },
  // Seed-Coder
  { prefix: '<[fim-prefix]>', suffix: '<[fim-suffix]>', middle: '<[fim-middle]>', order: 'suffix-first' },
  // Codestral: mistral-common's encode_fim
  { prefix: '[PREFIX]', suffix: '[SUFFIX]', order: 'suffix-first' },
]

export const fileSets: readonly FileTokens[] = [
  // Qwen2.5-Coder: its README, "Repository Level Code Completion" and "… Infilling"
  { repository: '<|repo_name|>', file: '<|file_sep|>', repositoryLine: true, pathInPrefix: false, place: 'before' },
  // StarCoder2 (arXiv:2402.19173, section 5.1), SmolLM2
  { repository: '<repo_name>', file: '<file_sep>', repositoryLine: false, pathInPrefix: true, place: 'before', others: ['<filename>', '<reponame>'] },
  // StarCoder (arXiv:2305.06161, section 5.1)
  { repository: '<reponame>', file: '<filename>', repositoryLine: false, pathInPrefix: false, place: 'before', others: ['<gh_stars>'] },
  // CodeGemma: several files of a repository, each after its path
  { file: '<|file_separator|>', repositoryLine: false, pathInPrefix: false, place: 'between' },
]
