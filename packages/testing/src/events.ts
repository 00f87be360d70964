const fields = { progress: ['stage', 'done', 'unit'], timing: ['name', 'milliseconds'], memory: ['name', 'bytes'], notice: ['code', 'message'] } as const

/** Whether something is a TenonEvent. */
export function isEvent(event: unknown): boolean {
  if (typeof event !== 'object' || event === null) return false
  const { type, ...rest } = event as Readonly<Record<string, unknown>>
  return Object.hasOwn(fields, String(type)) && fields[type as keyof typeof fields].every((field) => ['string', 'number'].includes(typeof rest[field]))
}
