/** `model-00001-of-00003.gguf` */
const splitName = /^(?<base>.*)-(?<part>\d{5})-of-(?<count>\d{5})\.gguf$/

export const isGguf = (file: string): boolean => file.toLowerCase().endsWith('.gguf')

/** How many files a split model has; 1 for a whole one. */
const partsOf = (file: string) => Number(splitName.exec(file)?.groups?.['count'] ?? 1)

/** Most files of a model that are opened: of the largest published, each part has some gigabytes. */
const partLimit = 1000

/**
 * The files of a model that was split, its first first, by the name of any of them; the file alone where it is whole.
 */
export function partNames(file: string): readonly string[] {
  const { base, count } = splitName.exec(file)?.groups ?? {}
  if (base === undefined || partsOf(file) < 1 || partsOf(file) > partLimit) return [file]
  return Array.from({ length: Number(count) }, (_, index) => `${base}-${String(index + 1).padStart(5, '0')}-of-${count}.gguf`)
}

/** The models among files, by their first file. Projectors of images (`mmproj`) are parts of other models. */
export function ggufModels(files: Iterable<string>): readonly string[] {
  const models = new Set<string>()
  for (const file of files) if (isGguf(file) && !/(^|[/._-])(mmproj|imatrix)/i.test(file)) models.add(partNames(file)[0]!)
  return [...models]
}

/** Whether a file's name says that it is stored so: `model-q4_k_m.gguf`, `Model.Q4_K_M-00001-of-00002.gguf` */
export const isQuantisedAs = (file: string, label: string): boolean => new RegExp(`(^|[/._-])${label}([.-]|$)`, 'i').test(file.replace(splitName, '$<base>').replace(/\.gguf$/i, ''))
