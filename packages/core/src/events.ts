/** Long work tells how far it is. `total` is missing while it is not known. */
export interface ProgressEvent {
  readonly type: 'progress'
  /** What is being done, in words a person reads: `'embedding'`, `'reading documents'`. */
  readonly stage: string
  readonly done: number
  readonly total?: number
  readonly unit: string
}

/** How long something took. */
export interface TimingEvent {
  readonly type: 'timing'
  readonly name: string
  readonly milliseconds: number
}

/** Memory held outside the JavaScript heap, after it changed. */
export interface MemoryEvent {
  readonly type: 'memory'
  readonly name: string
  readonly bytes: number
}

/** Something the user should know and that is no error: a fallback taken, an input truncated. */
export interface NoticeEvent {
  readonly type: 'notice'
  readonly code: string
  readonly message: string
}

/** What libraries say instead of printing. */
export type TenonEvent = ProgressEvent | TimingEvent | MemoryEvent | NoticeEvent

export type Emit = (event: TenonEvent) => void
