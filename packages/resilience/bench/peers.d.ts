// The one peer without types of its own; as much of it as the benchmark calls.
declare module "opossum" {
  export default class CircuitBreaker<Value> {
    constructor(action: () => Promise<Value>, options: object);
    fire(): Promise<Value>;
    open(): void;
    shutdown(): void;
  }
}
