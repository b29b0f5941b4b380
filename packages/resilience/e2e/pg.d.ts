// As much of pg as the tests use; the package brings no types.
declare module "pg" {
  export class Client {
    constructor(options: { readonly host: string; readonly user: string; readonly database: string });
    connect(): Promise<void>;
    query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: Record<string, unknown>[] }>;
    on(event: "error", listener: (error: Error) => void): this;
    end(): Promise<void>;
  }
}
