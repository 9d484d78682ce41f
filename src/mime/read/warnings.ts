/** So many different things are told of one message. */
const WARNINGS_LIMIT = 100;

/** What was found broken in a message, each thing once. */
export class Warnings {
  readonly #said = new Set<string>();

  add(warning: string): void {
    if (this.#said.size < WARNINGS_LIMIT) this.#said.add(warning);
  }

  get list(): string[] {
    return [...this.#said];
  }
}
