// The same base for primitives that are made of closures: the factory keeps the open guard for itself and hands out a
// face, to which the members of Reporting are added.
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look, Owner } from "../guard.ts";
import type { GuardEvent, Reporting } from "../report.ts";

export type { GuardOptions } from "../guard.ts";

class Kept extends Guard {
  readonly #options: GuardOptions;

  constructor(kind: string, options: GuardOptions) {
    super(kind, options);
    this.#options = options;
  }

  protected override look(): Look {
    return {};
  }

  complete(face: object, look: () => Look): Reporting {
    this.look = look;
    const { guard, name } = this;
    const reporting = {
      guard,
      name,
      snapshot: () => this.snapshot(),
      listen: (listener: (event: GuardEvent) => void) => this.listen(listener),
    };
    return named(Object.assign(face, reporting), this.#options);
  }
}

/** What the base keeps from users, a factory may use. */
export interface OpenGuard extends Owner {
  tell: Guard["tell"];
  say: Guard["say"];
  check: Guard["check"];
  number: Guard["number"];
  integer: Guard["integer"];
  oneOf: Guard["oneOf"];
  /** The finished primitive; `look` is its snapshot. */
  complete<Face extends Reporting>(
    face: Omit<Face, keyof Reporting> & Pick<Face, "controls" & keyof Face>,
    look: () => Look,
  ): Face;
}

export function openGuard(kind: string, options: GuardOptions): OpenGuard {
  return new Kept(kind, options) as unknown as OpenGuard;
}
