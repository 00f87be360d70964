/** Thrown where what was fed cannot be computed with; the run adds which node it was, and makes it an InvalidInputError. */
export class Refusal extends Error {
  constructor(
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(problem)
  }
}
